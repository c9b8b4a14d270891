"""Whether the result grows by the votes that were cast."""

import asyncio
import time
from collections import Counter

from aiohttp import ClientSession

from seed.retry import SeedError, retry

POLL = 0.1  # seconds between two reads
SETTLE = 1.0  # seconds in which a vote that counts twice would show


class Result:
    """The votes per option that the result service shows."""

    def __init__(self, client: ClientSession, url: str, timeout: float) -> None:
        self._client = client
        self._url = url
        self._timeout = timeout  # seconds to wait for an answer, and for the numbers
        self._poll: str | None = None  # of the first answer

    async def check(self, before: Counter[str], cast: Counter[str], *, exact: bool) -> None:
        """Wait until the numbers have grown by `cast`.

        Args:
            before: the numbers before the votes.
            cast: the votes. Without `exact`, only their sum counts: other voters may add votes
                and change theirs.
            exact: whether the numbers must have grown by nothing else, and stay there.

        Raises:
            SeedError: they did not, or cannot be read.
        """
        deadline = time.monotonic() + self._timeout
        growth = _growth(before, await self.read())
        while growth.total() < cast.total() and time.monotonic() < deadline:
            await asyncio.sleep(POLL)
            growth = _growth(before, await self.read())
        if exact:
            await asyncio.sleep(SETTLE)
            growth = _growth(before, await self.read())
        if growth.total() < cast.total() or (exact and growth != cast):
            raise SeedError(f"{self._url} grew by {listed(growth)} instead of {listed(cast)}")

    async def read(self) -> Counter[str]:
        """Return the numbers.

        Raises:
            SeedError: they cannot be read.
        """
        return await retry(self._attempt, self._timeout)

    async def _attempt(self) -> Counter[str]:
        async with self._client.get(f"{self._url}/api/results") as answer:
            answer.raise_for_status()
            result = await answer.json()
        poll = result.get("poll")
        if (self._poll or poll) != poll:
            raise SeedError(f"{self._url} shows another poll now: {poll} instead of {self._poll}")
        self._poll = poll
        return Counter({option["id"]: option["votes"] for option in result["options"]})


def _growth(before: Counter[str], after: Counter[str]) -> Counter[str]:
    growth = Counter(after)
    growth.subtract(before)
    return growth


def listed(numbers: Counter[str]) -> str:
    """Format votes per option as `a 200, b 100`."""
    return ", ".join(f"{option} {votes}" for option, votes in sorted(numbers.items()))
