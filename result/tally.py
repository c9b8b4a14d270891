"""The tallies: listened for in Postgres, and read as a whole whenever they changed."""

import asyncio
import datetime
import pathlib
import time
import typing
from collections.abc import Awaitable, Callable

import asyncpg

from common import backoff, dependency, poll, postgres_client, settings
from result import metric

CHANNEL = "tallies"
INTERVAL = 0.05  # seconds between two reads at least: 20 updates a second
REREAD = 0.6  # seconds without a notification: it may have been lost, and is Postgres still there?
READ_TIMEOUT = 1.0  # seconds
RECONNECT_CAP = 1.0  # seconds; an audience is watching

SQL = (pathlib.Path(__file__).parent / "sql" / "tally.sql").read_text()


class Tally(typing.NamedTuple):
    """How many voters stand behind each option, by its id, and when that was asked."""

    voters: dict[str, int]
    as_of: datetime.datetime


class Tallies:
    """Follows the tallies of one poll; the price of an update is one read of a small view."""

    def __init__(
        self,
        configured: settings.DatabaseSettings,
        asked: poll.Poll,
        state: dependency.Dependency,
        metrics: metric.Metrics,
    ) -> None:
        self.latest: Tally | None = None
        self._settings = configured
        self._options = [option.id for option in asked.options]
        self._state = state
        self._metrics = metrics

    async def follow(self, changed: Callable[[Tally], Awaitable[None]]) -> typing.NoReturn:
        """Awaits `changed` for each new tally, until cancelled."""
        failures = 0
        while True:
            connection: asyncpg.Connection | None = None
            read_before = self.latest
            try:
                connection = await postgres_client.connect(self._settings, "result")
                await self._listen(connection, changed)
            except (asyncpg.PostgresError, *postgres_client.Away) as error:
                failures = 1 if self.latest is not read_before else failures + 1
                self._state.away(error, _reason(error))
                await asyncio.sleep(min(backoff.delay(failures), RECONNECT_CAP))
            finally:
                if connection is not None:
                    connection.terminate()

    async def _listen(
        self, connection: asyncpg.Connection, changed: Callable[[Tally], Awaitable[None]]
    ) -> None:
        notified = asyncio.Event()
        connection.add_termination_listener(lambda _: notified.set())
        await connection.add_listener(CHANNEL, lambda *_: notified.set())
        statement = await connection.prepare(SQL)
        while True:
            notified.clear()  # before the read: what comes meanwhile asks for another one
            before = self.latest
            self.latest = await self._read(statement)
            self._state.up()
            if before is None or before.voters != self.latest.voters:
                for option, voters in self.latest.voters.items():
                    self._metrics.voters.labels(option=option).set(voters)
                await changed(self.latest)
            await asyncio.sleep(INTERVAL)
            try:
                async with asyncio.timeout(REREAD):
                    await notified.wait()
            except TimeoutError:
                pass

    async def _read(self, statement: typing.Any) -> Tally:
        as_of = datetime.datetime.now(datetime.UTC)
        started = time.perf_counter()
        rows = dict(await statement.fetch(timeout=READ_TIMEOUT))
        self._metrics.tally_read_seconds.observe(time.perf_counter() - started)
        voters = {option: rows.get(option, 0) for option in self._options}
        return Tally(voters, as_of)


def _reason(error: BaseException) -> str:
    if isinstance(error, asyncpg.UndefinedTableError):
        return "the tables are not there yet: a worker makes them when it starts"
    return dependency.describe(error)
