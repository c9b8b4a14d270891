"""The Postgres side of the worker: one upsert per batch."""

import asyncio
import contextlib
import pathlib
import time
import typing
from collections.abc import Iterable, Iterator, Sequence

import asyncpg

from common import ballot, concurrency, dependency, postgres_client, settings
from worker import literal, schema

HANGS_AFTER = 3.0  # seconds without an answer to a commit, until a ping calls Postgres away
MIGRATES_AFTER = 1.0  # seconds; a migration that takes longer is told, and not waited for any more
REFUSED_FOR = 15.0  # seconds that a refused commit speaks for Postgres; the next try comes before

UPSERT = (pathlib.Path(__file__).parent / "sql" / "upsert.sql").read_text()

# SQLSTATE classes that blame the data and not the server: data exception, integrity violation.
DATA_ERRORS = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)

# Those that say that Postgres is coming, going or overloaded; any other refusal of a commit, as for
# a full disk, lasts until somebody mends something.
PASSING_ERRORS = (
    asyncpg.PostgresConnectionError,
    asyncpg.TooManyConnectionsError,
    asyncpg.OutOfMemoryError,
    asyncpg.OperatorInterventionError,
)


class StoreAway(Exception):  # noqa: N818 (a state, as in "Postgres is away")
    """Postgres cannot store a batch now. Its text says why."""


class Migrating(StoreAway, dependency.NotReady):
    """Postgres cannot store a batch yet: its schema is being made or changed."""

    def __init__(self) -> None:
        super().__init__("the schema is being migrated")


class Rejected(typing.NamedTuple):
    """A ballot that Postgres refuses, and why."""

    cast: ballot.Ballot
    reason: str


class Sorted(list[ballot.Ballot]):
    """One ballot a voter, in the order of the voters. `arrays`: what `UPSERT` is given.

    They are made here, ahead: while Postgres waits for the next batch it is too late.
    """

    def __init__(self, ballots: Iterable[ballot.Ballot]) -> None:
        super().__init__(ballots)
        self.arrays = as_arrays(self)


class Store:
    """One connection, made anew whenever it was lost."""

    def __init__(self, configured: settings.DatabaseSettings, *, migrate: bool) -> None:
        self._settings = configured
        self._migrate = migrate
        self._connection: asyncpg.Connection | None = None
        self._migration: asyncio.Task[None] | None = None
        self._was_current = False  # the schema, once since this worker started
        self._upsert: typing.Any = None
        self._busy = asyncio.Lock()
        self._commit_began = 0.0
        self._failure: str | None = None  # of the last use, if it failed
        self._refusal: str | None = None  # of the last commit, if Postgres refused it as it is
        self._refused_at = 0.0

    async def ping(self) -> None:
        """Raises `StoreAway` unless Postgres answers with the right schema, and takes commits."""
        if self._migration and not self._migration.done():
            raise Migrating
        if self._busy.locked():  # a commit is under way, and will tell, unless it hangs
            waited = time.monotonic() - self._commit_began
            if waited > HANGS_AFTER:
                raise StoreAway(f"a commit has had no answer for {waited:.0f} s")
            if self._failure:
                raise StoreAway(self._failure)
            return
        async with self._busy:
            with self._usable():
                await schema.check_whole(await self._connected())
        if self._refusal and time.monotonic() - self._refused_at < REFUSED_FOR:
            raise StoreAway(self._refusal)

    async def commit(self, ballots: Sequence[ballot.Ballot]) -> list[Rejected]:
        """Stores one ballot a voter in one transaction; `ballots` all have `cast_at`.

        If they are not `Sorted` yet, that is done first.

        Returns those that Postgres will never take; the others are committed. Raises `StoreAway`:
        then it is not known whether they are, and they can be committed again.
        """
        async with self._busy:
            self._commit_began = time.monotonic()
            with self._usable():
                await self._connected()
                if not isinstance(ballots, Sorted):
                    ballots = newest_of_each_voter(ballots)
                try:
                    rejected = await self._commit_or_split(ballots)
                except asyncpg.PostgresError as error:
                    if not isinstance(error, PASSING_ERRORS):
                        self._refusal = dependency.describe(error)
                        self._refused_at = time.monotonic()
                    raise
                self._refusal = None
                return rejected

    async def close(self) -> None:
        """Closes the connection; a migration that still runs is given up."""
        if self._migration:
            await concurrency.cancel(self._migration)
        async with self._busy:
            self._disconnect()

    @contextlib.contextmanager
    def _usable(self) -> Iterator[None]:
        """Gives the connection up unless the block, which uses it, ends well."""
        try:
            yield
        except (asyncpg.PostgresError, *postgres_client.Away) as error:
            self._disconnect()
            self._failure = dependency.describe(error)
            raise StoreAway(self._failure) from error
        except asyncio.CancelledError:
            self._disconnect()
            raise
        self._failure = None

    async def _commit_or_split(self, ballots: Sorted) -> list[Rejected]:
        try:
            await self._upsert.fetch(*ballots.arrays)
        except DATA_ERRORS as error:
            if len(ballots) == 1:
                return [Rejected(ballots[0], " ".join(str(error).split()))]
            half = len(ballots) // 2
            return [
                *await self._commit_or_split(Sorted(ballots[:half])),
                *await self._commit_or_split(Sorted(ballots[half:])),
            ]
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            # Not by workers, whose ids are sorted: somebody else writes to the table as well.
            await self._upsert.fetch(*ballots.arrays)
        return []

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            if self._migration:
                await self._migrated(self._migration)
            connection = await postgres_client.connect(self._settings, "worker")
            try:
                if not await self._is_fit(connection):
                    if self._migrate:
                        self._migration = asyncio.create_task(schema.migrate(self._settings))
                        await self._migrated(self._migration)
                    else:
                        await schema.check(connection)
                await schema.check_rights(connection)
                self._upsert = await connection.prepare(UPSERT)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        return self._connection

    async def _is_fit(self, connection: asyncpg.Connection) -> bool:
        """Whether the schema that is there will do.

        Who finds another version than once before is about to be replaced, by a worker that has
        applied it: that is not undone with each connection that is lost meanwhile.
        """
        if self._was_current:
            return await schema.is_whole(connection)
        self._was_current = await schema.is_current(connection)
        return self._was_current

    async def _migrated(self, migration: asyncio.Task[None]) -> None:
        """Raises `Migrating` while the schema is being applied, else what went wrong with it.

        That is a task of its own: whoever asks here may be cancelled after a moment.
        """
        done, _ = await asyncio.wait({migration}, timeout=MIGRATES_AFTER)
        if not done:
            raise Migrating
        self._migration = None
        await migration
        self._was_current = True

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def as_arrays(ballots: Sequence[ballot.Ballot]) -> tuple[str, str, str]:
    """What `UPSERT` is given: the voters, their votes, their times."""
    ids, votes, times = zip(*ballots, strict=True) if ballots else ((), (), ())
    return literal.of_texts(ids), literal.of_texts(votes), literal.of_numbers(times)


def newest_of_each_voter(ballots: Sequence[ballot.Ballot]) -> Sorted:
    """One ballot a voter, the last of those with its newest `cast_at`, sorted by voter.

    Sorted: two batches that share voters lock their rows in the same order, and never deadlock.
    """
    newest = {cast.voter_id: cast for cast in ballots}
    if len(newest) < len(ballots):  # somebody voted twice: the last is not always the newest
        for cast in ballots:
            known = typing.cast("int", newest[cast.voter_id].cast_at)
            if typing.cast("int", cast.cast_at) >= known:
                newest[cast.voter_id] = cast
    return Sorted(map(newest.__getitem__, sorted(newest)))
