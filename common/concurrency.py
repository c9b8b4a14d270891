"""Waiting for more than one thing at once."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

import structlog

CANCEL_AGAIN = 1.0  # seconds until a task that goes on all the same is cancelled once more
PERSIST_PAUSE = 1.0  # seconds between a fault and the next start

log = structlog.get_logger("concurrency")


async def race(*contestants: Coroutine[Any, Any, Any]) -> None:
    """Runs all until the first ends, then cancels the others and waits for them to end.

    Raises what the first one raised.
    """
    tasks = [asyncio.ensure_future(each) for each in contestants]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await cancel(*tasks)
    for task in done:
        task.result()


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancels tasks and waits until they have ended, whatever they raise.

    One cancellation may not do: a library that gives an operation a time-out can take it for that
    time-out, when both come at once. That is so in a process that was stopped for a while.
    """
    pending = set(tasks)
    for task in tasks:
        task.add_done_callback(_look)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)


def _look(task: asyncio.Task[Any]) -> None:
    """Looks at what became of `task`: asyncio need not complain that nobody did."""
    if not task.cancelled():
        task.exception()


async def persist(endless: Callable[[], Coroutine[Any, Any, Any]]) -> NoReturn:
    """Runs `endless()` until cancelled. Should it fail, the fault is logged and it starts anew.

    For what runs beside the requests: nobody would see it end.
    """
    while True:
        try:
            await endless()
        except Exception:
            log.exception("failed, starting it anew")
        await asyncio.sleep(PERSIST_PAUSE)


async def pause(stop: asyncio.Event, seconds: float) -> bool:
    """Waits `seconds`, or less when `stop` is set. Returns whether it is."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
