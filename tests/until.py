"""Wait for a condition, not for time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

POLL = 0.01  # seconds between two looks


async def true(
    condition: Callable[[], bool | Awaitable[bool]],
    within: float = 10.0,
    what: Callable[[], object] | str = "",
) -> None:
    """Wait until `condition()`, a function or a coroutine function, is true.

    Raises:
        AssertionError: It was not true within that many seconds; `what` describes it.
    """
    deadline = time.monotonic() + within
    while True:
        found = condition()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        if time.monotonic() > deadline:
            more = what() if callable(what) else what
            raise AssertionError(f"not true within {within:g} seconds: {more or condition}")
        await asyncio.sleep(POLL)
