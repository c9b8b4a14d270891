"""Voters who vote at the real vote service and remember what it acknowledged."""

import asyncio
import contextlib
import itertools
import re
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import asyncpg

from tests import until

CONCURRENCY = 16
PAUSE = 0.002  # seconds of one voter between two votes: leaves the services some of the machine


class Voters:
    """New voters, one after the other; `acknowledged` has the vote of each, by voter id."""

    def __init__(
        self,
        *urls: str,
        concurrency: int = CONCURRENCY,
        pause: float = PAUSE,
        close: bool = False,
        options: str = "aab",
    ) -> None:
        """Configure the voters.

        Args:
            urls: The vote services, which take turns.
            concurrency: How many vote at the same time.
            pause: Seconds of one voter between two votes.
            close: Whether each request uses a new connection.
            options: What they vote for, in turn. Other letters than a and b may be unknown.
        """
        self.acknowledged: dict[str, str] = {}
        self.polls: dict[str, str] = {}  # the poll revision of each, by voter id
        self.refused = 0
        self.reasons: Counter[str] = Counter()  # of the refusals
        self._urls = urls
        self._concurrency = concurrency
        self._pause = pause
        self._close = close
        self._options = options
        self._numbers = itertools.count()
        self._in_a_row = 0  # acknowledged since the last refusal
        self._voted: set[int] = set()  # who had a vote acknowledged since then

    @contextlib.asynccontextmanager
    async def voting(self) -> AsyncIterator[None]:
        """Vote while the block runs."""
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for person in range(self._concurrency):
                group.create_task(self._vote_until(stop, person))
            try:
                yield
            finally:
                stop.set()

    async def more(self, count: int) -> None:
        """Wait until `count` more votes were acknowledged."""
        wanted = len(self.acknowledged) + count
        await until.true(lambda: len(self.acknowledged) >= wanted, 60, self._summary)

    async def well(self, count: int, within: float = 60) -> None:
        """Wait until `count` more votes in a row were acknowledged, at least one of each voter."""
        self._start_again()

        def is_well() -> bool:
            return self._in_a_row >= count and len(self._voted) == self._concurrency

        await until.true(is_well, within, self._summary)

    async def check_stored(self, database_url: str) -> None:
        """Wait until all acknowledged votes are stored, and compare them one by one.

        A vote without an acknowledgement may be stored, too, if only the answer of Redis was lost.
        """
        db = await asyncpg.connect(database_url)
        try:

            async def all_stored() -> bool:
                rows = await db.fetch("SELECT id FROM votes")
                return self.acknowledged.keys() <= {row["id"] for row in rows}

            await until.true(all_stored, 60, self._summary)
            async with db.transaction(isolation="repeatable_read"):
                stored = await db.fetch("SELECT id, vote, poll FROM votes")
                counted = await db.fetch("SELECT poll, vote, count(*) FROM votes GROUP BY 1, 2")
                tallies = await db.fetch("SELECT poll, vote, voters FROM poll_tallies")
        finally:
            await db.close()
        votes = {voter: vote for voter, vote, _ in stored}
        polls = {voter: poll for voter, _, poll in stored}
        assert {voter: votes[voter] for voter in self.acknowledged} == self.acknowledged
        assert {voter: polls[voter] for voter in self.polls} == self.polls
        assert len(stored) - len(self.acknowledged) <= self.refused
        assert {*map(tuple, tallies)} == {*map(tuple, counted)}

    async def _vote_until(self, stop: asyncio.Event, person: int) -> None:
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=15),
            cookie_jar=aiohttp.DummyCookieJar(),  # without cookies, each request has a new voter
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
                self.polls[voter_id] = answer.cookies["vote"].value.partition(".")[2]
                self._in_a_row += 1
                self._voted.add(person)
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
        self._voted.clear()

    def _summary(self) -> str:
        return f"{len(self.acknowledged)} acknowledged, {self.refused} refused: {self.reasons}"
