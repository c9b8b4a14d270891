"""Waiting for more than one thing at once."""

import asyncio
import gc

import pytest
import structlog

from common import concurrency
from tests import until


async def forever(ended: list[str]) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)  # an ending that takes a turn of the loop
        ended.append("forever")


async def fail() -> None:
    raise LookupError("first")


async def test_race_ends_with_the_first_and_waits_for_the_others_to_end() -> None:
    ended: list[str] = []
    await concurrency.race(asyncio.sleep(0), forever(ended), forever(ended))
    assert ended == ["forever", "forever"]


async def test_race_raises_what_the_first_raised() -> None:
    ended: list[str] = []
    with pytest.raises(LookupError, match="first"):
        await concurrency.race(fail(), forever(ended))
    assert ended == ["forever"]


async def test_a_cancelled_race_leaves_nothing_running() -> None:
    ended: list[str] = []
    racing = asyncio.create_task(concurrency.race(forever(ended), forever(ended)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert ended == ["forever", "forever"]


async def test_pause_ends_when_stopped() -> None:
    stop = asyncio.Event()
    pausing = asyncio.create_task(concurrency.pause(stop, 60))
    await asyncio.sleep(0)
    stop.set()
    assert await asyncio.wait_for(pausing, 5) is True


async def test_pause_ends_with_time() -> None:
    assert await concurrency.pause(asyncio.Event(), 0.01) is False


async def test_a_task_that_takes_its_cancellation_for_something_else_is_cancelled_again() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    await asyncio.wait_for(concurrency.race(asyncio.sleep(0), stubborn()), 5)


async def test_nobody_complains_of_what_a_cancelled_task_raised() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda loop, context: complaints.append(context)
    )

    async def fails_late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("too late for anybody to care")

    task = asyncio.create_task(fails_late())
    await asyncio.sleep(0)
    # Who cancels is cancelled as well, and so never looks.
    cancelling = asyncio.create_task(concurrency.cancel(task))
    await asyncio.sleep(0)
    cancelling.cancel()
    await asyncio.wait({cancelling})
    await until.true(task.done)
    del task, cancelling
    gc.collect()
    assert complaints == []


async def test_what_persists_starts_anew_after_a_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(concurrency, "PERSIST_PAUSE", 0.01)
    starts = 0

    async def endless() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise LookupError("a fault")
        await asyncio.Event().wait()

    with structlog.testing.capture_logs() as logged:
        persisting = asyncio.create_task(concurrency.persist(endless))
        await until.true(lambda: starts == 3)
    assert [(line["log_level"], line["exc_info"]) for line in logged] == [("error", True)] * 2
    persisting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await persisting
