"""What a service does besides answering requests."""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def background(*endless: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Run endless coroutines until the block ends.

    They handle the faults of stores themselves. If one fails nevertheless, that is a bug: the
    process stops with a traceback in the log, so that the platform starts it again.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in endless]
        for task in tasks:
            task.add_done_callback(_stop_if_failed)
        yield
        await cancel(*tasks)


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks and wait until they have ended."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        # In Python 3.11, asyncio.wait_for in a library can lose a cancellation: repeat it.
        _, pending = await asyncio.wait(pending, timeout=1)


def _stop_if_failed(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception():
        signal.raise_signal(signal.SIGTERM)
