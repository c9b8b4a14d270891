"""Whether anybody watches. If not, the stores are read less often."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import NoReturn

IDLE_INTERVAL = 3.0  # seconds between two reads while nobody watches
COUNT_INTERVAL = 0.2  # seconds between two looks at the number of browsers
MEMORY = 2.0  # seconds after the last look in which somebody still watches


class Audience:
    """Those who look at the result: browsers on the live channel, and programs that ask."""

    def __init__(self) -> None:
        self._looked_at = -MEMORY  # monotonic, seconds
        self._waiting: set[asyncio.Event] = set()

    @property
    def is_present(self) -> bool:
        """Whether somebody has looked lately."""
        return time.monotonic() - self._looked_at < MEMORY

    def note(self) -> None:
        """Note that somebody looks now. The first one ends all pauses."""
        if not self.is_present:
            for event in self._waiting:
                event.set()
        self._looked_at = time.monotonic()

    async def follow(self, count_browsers: Callable[[], int]) -> NoReturn:
        """Note the browsers on the live channel until cancelled."""
        while True:
            if count_browsers():
                self.note()
            await asyncio.sleep(COUNT_INTERVAL)

    async def pause(self, interval: float, event: asyncio.Event | None = None) -> None:
        """Wait until the next read of a store is due, or until an event.

        Args:
            interval: Seconds between two reads while somebody watches.
            event: Ends the pause.
        """
        event = event or asyncio.Event()
        self._waiting.add(event)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval if self.is_present else IDLE_INTERVAL):
                await event.wait()
        self._waiting.discard(event)
