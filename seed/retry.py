"""Repeats a request until it succeeds or its time is up."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import ClientError

from common.backoff import delays

T = TypeVar("T")


class SeedError(Exception):
    """Something failed for good. The text says what and why."""


class TransientError(Exception):
    """An attempt failed, but a later one may succeed."""


async def retry(attempt: Callable[[], Awaitable[T]], within: float) -> T:
    """Call `attempt` until it succeeds, and return its result.

    Args:
        attempt: makes one attempt.
        within: seconds for all attempts.

    Raises:
        SeedError: no attempt succeeded in time, or `attempt` raised it.
    """
    reason = "no answer"
    try:
        async with asyncio.timeout(within):
            for pause in delays():
                try:
                    return await attempt()
                except (ClientError, OSError, TransientError) as error:
                    reason = str(error) or type(error).__name__
                await asyncio.sleep(pause)
    except TimeoutError:
        pass
    raise SeedError(f"no success within {within:g} seconds: {reason}")
