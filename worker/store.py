"""The Postgres side of the worker: one upsert per batch."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from copy import copy
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import asyncpg

from common import postgres_client
from common.queue.message import Ballot, encode
from common.settings import SettingsError
from common.store_settings import DatabaseSettings
from worker import schema
from worker.schema import SchemaMissingError

UPSERT = (Path(__file__).parent / "sql" / "upsert.sql").read_text()
SCHEMA_TIMEOUT = 1.0  # seconds that a ping waits for the schema, which usually takes less

# Nothing can be stored at the moment. Waiting helps, or somebody has to fix something.
UNAVAILABLE = (SchemaMissingError, SettingsError, *postgres_client.UNAVAILABLE)

# The data is wrong, not the server (SQLSTATE classes 22 and 23).
DATA_ERRORS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


class Rows(NamedTuple):
    """Ballots, one per voter and sorted by voter, and the same as JSON for the upsert."""

    ballots: list[Ballot]
    json: str


class DeadLetter(NamedTuple):
    """A message that can never be stored. `kind` is the reason as a metrics label."""

    message: bytes
    kind: str
    reason: str


class Store:
    """The table of votes. After every failure it uses a new connection."""

    def __init__(self, settings: DatabaseSettings, *, migrate: bool) -> None:
        """Configure the store; nothing is opened yet.

        Args:
            settings: Where Postgres is.
            migrate: Whether to apply the schema. If not, `prepare` fails until it is there.
        """
        self._settings = settings
        self._migrate = migrate
        self._connection = _Connection(settings, "worker")  # see sql/end_connections.sql
        self._monitor = _Connection(settings, "worker-monitor")
        self._is_prepared = asyncio.Event()
        self._failure: Exception | None = None  # of the last use

    async def prepare(self) -> None:
        """Apply the migrations that are missing. A newer schema stays as it is."""
        with self._reporting():
            async with self._connection.use() as connection:
                version = await schema.version(connection)
            if version < schema.VERSION:
                if not self._migrate:
                    raise SchemaMissingError(
                        f"the schema has {version} of {schema.VERSION} migrations:"
                        " run `python -m worker --migrate`"
                    )
                await schema.migrate(self._settings)
            self._is_prepared.set()

    async def commit(self, rows: Rows) -> list[DeadLetter]:
        """Store ballots that have `cast_at`.

        Returns:
            Dead letters of the ballots that Postgres will never take. All others are committed.

        Raises:
            Exception: One of `UNAVAILABLE`. Some ballots may be committed; commit all again.
        """
        if not self._is_prepared.is_set():
            await self.prepare()
        with self._reporting():
            async with self._connection.use() as connection:
                return await _upsert(connection, rows)

    async def ping(self) -> None:
        """Raise an error unless Postgres answers, has the schema and takes commits."""
        if self._failure is not None:
            raise copy(self._failure)  # its own traceback each time: that of one would grow
        async with self._monitor.use() as connection:
            await connection.execute("SELECT 1")
        try:
            async with asyncio.timeout(SCHEMA_TIMEOUT):
                await self._is_prepared.wait()
        except TimeoutError:
            raise TimeoutError("the schema is being applied") from None

    def forget_failure(self) -> None:
        """Let `ping` report what it finds itself, because nobody uses the store."""
        self._failure = None

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
        self._monitor.close()

    @contextlib.contextmanager
    def _reporting(self) -> Iterator[None]:
        """Let `ping` report the outcome of the block."""
        try:
            yield
        except Exception as error:
            self._failure = error
            self._is_prepared.clear()  # the table may be gone
            raise
        self._failure = None


class _Connection:
    """A connection that is opened when needed and given up after every failure."""

    def __init__(self, settings: DatabaseSettings, name: str) -> None:
        self._settings = settings
        self._name = name
        self._open: asyncpg.Connection | None = None

    @contextlib.asynccontextmanager
    async def use(self) -> AsyncIterator[asyncpg.Connection]:
        if self._open is None or self._open.is_closed():
            self._open = await postgres_client.connect(self._settings, self._name)
        try:
            yield self._open
        except BaseException:  # after a cancellation, too, a statement may still be running
            self.close()
            raise

    def close(self) -> None:
        if self._open is not None:
            self._open.terminate()
            self._open = None


async def _upsert(connection: asyncpg.Connection, rows: Rows) -> list[DeadLetter]:
    """Commit the rows. If Postgres blames the data, bisect until the bad ballots are found."""
    try:
        await connection.execute(UPSERT, rows.json)
    except DATA_ERRORS as error:
        ballots = rows.ballots
        if len(ballots) == 1:
            reason = f"Postgres refuses it: {error}"
            return [DeadLetter(encode(ballots[0]), "rejected", reason)]
        middle = len(ballots) // 2
        return [
            *await _upsert(connection, newest_per_voter(ballots[:middle])),
            *await _upsert(connection, newest_per_voter(ballots[middle:])),
        ]
    return []


def newest_per_voter(ballots: Sequence[Ballot]) -> Rows:
    """Return the newest ballot of each voter.

    If two ballots of the batch have the same `cast_at`, the later one wins. The rows are sorted by
    voter: so two workers lock those of common voters in the same order and never deadlock.
    """
    by_time = sorted(ballots, key=attrgetter("cast_at"))
    newest = {ballot.voter_id: ballot for ballot in by_time}
    by_voter = sorted(newest.values(), key=attrgetter("voter_id"))
    return Rows(by_voter, encode(by_voter).decode())
