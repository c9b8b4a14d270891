"""Voters who vote at the real vote service, and remember what it acknowledged."""

import asyncio
import collections
import contextlib
import itertools
import re
from collections.abc import AsyncIterator

import aiohttp
import asyncpg

from tests import until

CONCURRENCY = 16
PAUSE = 0.002  # seconds of one voter between two votes: leaves the services some of the machine


class Voters:
    """New voters, one after the other; `acknowledged` has the vote of each, by its voter id."""

    def __init__(
        self,
        *urls: str,
        concurrency: int = CONCURRENCY,
        pause: float = PAUSE,
        close: bool = False,
        options: str = "aab",
    ) -> None:
        """`close`: each request on a connection of its own. `options`: what they vote for in turn;
        one beside a and b need not be there all the time.
        """
        self.acknowledged: dict[str, str] = {}
        self.refused = 0
        self.reasons: collections.Counter[str] = collections.Counter()  # of the refusals, in words
        self._urls = urls
        self._concurrency = concurrency
        self._pause = pause
        self._close = close
        self._options = options
        self._numbers = itertools.count()
        self._in_a_row = 0  # acknowledged since the last refusal
        self._taken: set[int] = set()  # who had one acknowledged since then

    @contextlib.asynccontextmanager
    async def voting(self) -> AsyncIterator[None]:
        """They vote as long as the block runs."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for person in range(self._concurrency):
                group.create_task(self._vote_until(stop, person))
            try:
                yield
            finally:
                stop.set()

    async def more(self, count: int) -> None:
        """Waits until `count` more votes were acknowledged."""
        wanted = len(self.acknowledged) + count
        await until.true(lambda: len(self.acknowledged) >= wanted, 60, lambda: self._told())

    async def well(self, count: int, within: float = 60) -> None:
        """Waits until `count` more votes were acknowledged, and none refused in between.

        Some of everybody: one who waits for the answer of a replica may yet be refused.
        """
        self._start_again()

        def is_well() -> bool:
            return self._in_a_row >= count and len(self._taken) == self._concurrency

        await until.true(is_well, within, lambda: self._told())

    async def _vote_until(self, stop: asyncio.Event, person: int) -> None:
        timeout = aiohttp.ClientTimeout(total=15)
        # No cookie jar: each post is a new voter's.
        async with aiohttp.ClientSession(
            timeout=timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(force_close=self._close),
        ) as client:
            while not stop.is_set():
                number = next(self._numbers)
                try:
                    await self._vote(client, self._urls[number % len(self._urls)], number, person)
                except (aiohttp.ClientError, TimeoutError) as error:
                    self._refuse(repr(error))
                await asyncio.sleep(self._pause)

    async def _vote(
        self, client: aiohttp.ClientSession, url: str, number: int, person: int
    ) -> None:
        vote = self._options[number % len(self._options)]
        async with client.post(url, data={"vote": vote}, allow_redirects=False) as answer:
            if answer.status == 303:
                voter_id = answer.cookies["voter_id"].value.partition(".")[0]
                self.acknowledged[voter_id] = vote
                self._in_a_row += 1
                self._taken.add(person)
            elif answer.status != 422 or vote in "ab":
                assert answer.status == 503, await answer.text()
                states = re.findall(r'data-state="([^"]*)"', await answer.text())
                self._refuse(f"503 {states}")

    def _refuse(self, reason: str) -> None:
        self.refused += 1
        self.reasons[reason] += 1
        self._start_again()

    def _start_again(self) -> None:
        self._in_a_row = 0
        self._taken.clear()

    async def check_stored(self, database_url: str) -> None:
        """Waits until all that was acknowledged is stored, and compares one by one.

        A vote that was not acknowledged may be stored all the same, when only the answer of Redis
        was lost; never more of those than were refused, and the tallies agree with the rows.
        """
        db = await asyncpg.connect(database_url)
        try:

            async def all_stored() -> bool:
                return int(await db.fetchval("SELECT count(*) FROM votes")) >= len(
                    self.acknowledged
                ) and not set(self.acknowledged) - {
                    row["id"] for row in await db.fetch("SELECT id FROM votes")
                }

            await until.true(all_stored, 60, lambda: self._told())
            async with db.transaction(isolation="repeatable_read"):
                stored = dict(await db.fetch("SELECT id, vote FROM votes"))
                counted = dict(await db.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
                tallies = dict(await db.fetch("SELECT vote, voters FROM tallies"))
        finally:
            await db.close()
        assert {voter: stored[voter] for voter in self.acknowledged} == self.acknowledged
        assert len(stored) - len(self.acknowledged) <= self.refused
        assert tallies == counted

    def _told(self) -> str:
        return f"{len(self.acknowledged)} acknowledged, {self.refused} refused: {self.reasons}"
