"""What a client has said, until it is fetched."""

import asyncio

from result import wire


async def test_what_was_said_before_comes_first_and_all_in_order() -> None:
    before: asyncio.Queue[str] = asyncio.Queue()
    before.put_nowait("connected")
    inbox = wire.Inbox(before)
    assert before.empty()
    inbox.put_nowait("first")
    inbox.put_nowait("second")
    assert [await inbox.get() for _ in range(3)] == ["connected", "first", "second"]
    assert inbox.empty()


async def test_who_waits_gets_what_comes() -> None:
    inbox = wire.Inbox(asyncio.Queue())
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait("first")
    inbox.put_nowait("second")  # before the one who waits has had a turn
    assert await waiting == "first"
    assert await inbox.get() == "second"


async def test_who_gives_up_loses_nothing() -> None:
    inbox = wire.Inbox(asyncio.Queue())
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    waiting.cancel()
    inbox.put_nowait("first")
    await asyncio.wait({waiting})
    assert waiting.cancelled()
    assert await inbox.get() == "first"
