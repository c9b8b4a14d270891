"""Tasks of a service that run next to its requests."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def background(*endless: Coroutine[Any, Any, Any]) -> AsyncIterator[None]:
    """Run endless coroutines until the block ends.

    They handle the faults of stores themselves. If one fails nevertheless, that is a bug: the
    lifespan fails with a traceback in the log, and `common.server.serve` ends the process with
    status 1, so that the platform starts it again.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in endless]
        for task in tasks:
            task.add_done_callback(_stop_if_failed)
        yield
        for task in tasks:
            task.cancel()


def start(coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """Start a task. From Python 3.12 on, it runs at once until it has to wait, if it has to."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(coroutine, loop=asyncio.get_running_loop(), eager_start=True)
    return asyncio.create_task(coroutine)


def _stop_if_failed(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and task.exception():  # the group raises it where the block waits
        signal.raise_signal(signal.SIGTERM)
