"""The job: casts all votes, several at a time, and counts the outcomes."""

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator

from aiohttp import ClientSession

from common.poll import OPTION_LETTERS
from seed.options import Options
from seed.retry import SeedError
from seed.voter import Voter

PROGRESS_INTERVAL = 2.0  # seconds between two lines


def shares(votes: int, split: tuple[int, ...]) -> Counter[str]:
    """Divide `votes` among the options a, b, c, ... in the proportions of `split`."""
    counts: Counter[str] = Counter()
    parts = 0
    for option, part in zip(OPTION_LETTERS, split, strict=False):
        parts += part
        counts[option] = votes * parts // sum(split) - counts.total()
    return counts


class Job:
    """Casts votes, each as a voter of its own."""

    def __init__(self, client: ClientSession, options: Options, cast: Counter[str]) -> None:
        self.sent = 0
        self.acknowledged = 0
        self.reasons: Counter[str] = Counter()  # why votes failed
        self._client = client
        self._options = options
        self._votes = list(cast.elements())
        random.shuffle(self._votes)
        self._began = time.monotonic()

    @property
    def failed(self) -> int:
        """Votes that were not acknowledged, including those that were never sent."""
        return len(self._votes) - self.acknowledged

    def __str__(self) -> str:
        seconds = time.monotonic() - self._began
        return (
            f"sent {self.sent}, acknowledged {self.acknowledged}, failed {self.failed},"
            f" {seconds:.1f} seconds ({self.acknowledged / seconds:,.0f} votes per second)"
        )

    async def run(self) -> None:
        """Cast all votes. Each of the concurrent voters stops at a vote that fails."""
        votes = enumerate(self._votes)
        progress = asyncio.create_task(self._show_progress())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(self._options.concurrency, len(self._votes))):
                    group.create_task(self._cast(votes))
        finally:
            progress.cancel()

    async def _cast(self, votes: Iterator[tuple[int, str]]) -> None:
        timeout, rate = self._options.timeout, self._options.rate
        for number, vote in votes:
            if rate is not None:
                await asyncio.sleep(self._began + number / rate - time.monotonic())
            voter = Voter(self._client, vote)
            try:
                await voter.cast(timeout)
                self.acknowledged += 1
            except SeedError as error:
                self.reasons[str(error)] += 1
                return
            finally:
                self.sent += voter.was_sent

    async def _show_progress(self) -> None:
        while True:
            sys.stderr.write(f"acknowledged {self.acknowledged:,}\n")
            await asyncio.sleep(PROGRESS_INTERVAL)
