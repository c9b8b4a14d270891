"""How long the readers of the stores pause."""

import asyncio

from result.audience import Audience
from tests import until

LONG = 60.0  # seconds


async def test_somebody_who_comes_ends_all_pauses() -> None:
    audience = Audience()
    events = asyncio.Event(), asyncio.Event()
    pauses = [asyncio.create_task(audience.pause(0.01, event)) for event in events]
    await asyncio.sleep(0.1)
    assert not any(each.done() for each in pauses)  # nobody watches
    audience.note()
    async with asyncio.timeout(1):
        await asyncio.gather(*pauses)


async def test_while_somebody_watches_pauses_are_short() -> None:
    audience = Audience()
    audience.note()
    async with asyncio.timeout(1):
        await audience.pause(0.01)
    pause = asyncio.create_task(audience.pause(LONG))
    await asyncio.sleep(0.1)
    audience.note()  # not the first one
    assert not pause.done()
    pause.cancel()


async def test_an_event_ends_a_pause() -> None:
    audience, event = Audience(), asyncio.Event()
    pause = asyncio.create_task(audience.pause(LONG, event))
    event.set()
    await until.true(pause.done, 1)
