"""The tallies: a listener in Postgres that reads them as a whole whenever they have changed."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

import asyncpg

from common import postgres_client
from common.backoff import delays
from common.dependency import Dependency
from common.poll import Poll
from common.settings import SettingsError
from common.store_settings import DatabaseSettings
from result.audience import Audience
from result.metrics import Metrics
from result.servers import Servers

CHANNEL = "tallies"
MIN_INTERVAL = 0.05  # seconds between two reads: at most 20 updates per second
# Seconds without a notification until the next read while somebody watches, in case one was lost.
MAX_INTERVAL = 0.6
READ_TIMEOUT = 1.0  # seconds
MAX_RECONNECT_DELAY = 1.0  # seconds; an audience is watching

UNAVAILABLE = (SettingsError, *postgres_client.UNAVAILABLE)
FOLDER = Path(__file__).parent / "sql"
TALLIES = (FOLDER / "tallies.sql").read_text()
REPLICAS = (FOLDER / "replicas.sql").read_text()


class Tally(NamedTuple):
    """The votes for each option, by its id, as of a moment before they were read."""

    votes: dict[str, int]
    as_of: datetime.datetime


class Tallies:
    """The newest tally of a poll.

    Attributes:
        latest: The newest tally; None until the first read. It stays during an outage.
        postgres: The state of Postgres.
        servers: The servers of Postgres, as of the last read while somebody watched.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        poll: Poll,
        postgres: Dependency,
        metrics: Metrics,
        audience: Audience,
    ) -> None:
        self.latest: Tally | None = None
        self.postgres = postgres
        self.servers: Servers | None = None
        self._settings = settings
        self._poll = poll
        self._metrics = metrics
        self._audience = audience

    async def follow(self, publish: Callable[[Tally], Awaitable[None]]) -> NoReturn:
        """Keep `latest` current until cancelled, and await `publish` for each change."""
        pauses = delays(MAX_RECONNECT_DELAY)
        while True:
            before = self.latest
            try:
                await self._listen(publish)
            except UNAVAILABLE as error:
                if self.latest is not before:  # a read has succeeded meanwhile
                    pauses = delays(MAX_RECONNECT_DELAY)
                self.postgres.mark_unavailable(error)
                await asyncio.sleep(next(pauses))

    async def _listen(self, publish: Callable[[Tally], Awaitable[None]]) -> NoReturn:
        connection = await postgres_client.connect(
            self._settings, "result", command_timeout=READ_TIMEOUT
        )
        try:
            notified = asyncio.Event()
            connection.add_termination_listener(lambda _: notified.set())
            await connection.add_listener(CHANNEL, lambda *_: notified.set())
            primary = await connection.fetchval("SELECT host(inet_server_addr())")
            while True:
                notified.clear()  # before the read: a later notification asks for another read
                tally = await self._read(connection)
                if self._audience.is_present:  # for the page /system
                    self.servers = Servers(primary, await connection.fetchval(REPLICAS))
                self.postgres.mark_available()
                has_changed = self.latest is None or self.latest.votes != tally.votes
                self.latest = tally
                if has_changed:
                    await publish(tally)
                await asyncio.sleep(MIN_INTERVAL)
                await self._audience.pause(MAX_INTERVAL, notified)
        finally:
            connection.terminate()

    async def _read(self, connection: asyncpg.Connection) -> Tally:
        as_of = datetime.datetime.now(datetime.UTC)
        with self._metrics.tally_read_seconds.time():
            rows = dict(await connection.fetch(TALLIES, self._poll.revision))
        votes = {option_id: rows.get(option_id, 0) for option_id in self._poll.options}
        for option_id, count in votes.items():
            self._metrics.voters.labels(option_id, self._poll.revision).set(count)
        return Tally(votes, as_of)
