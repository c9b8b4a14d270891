"""The schema in Postgres: numbered migrations, applied once by the worker that starts first."""

import asyncio
from pathlib import Path

import asyncpg
import structlog

from common import postgres_client
from common.backoff import delays
from common.dependency import describe
from common.store_settings import DatabaseSettings

MIGRATION_LOCK = 1986360427  # key of the advisory lock; any number that nobody else uses
LOCK_TIMEOUT = 10_000  # ms to wait for the locks of writers before the next attempt

HERE = Path(__file__).parent
# In the order of their numbers, from 1. Workers of the version before may still run, so a migration
# leaves them what they use. Each may run again, after somebody has dropped tables. A file that was
# released does not change.
MIGRATIONS = [path.read_text() for path in sorted((HERE / "migrations").iterdir())]
VERSION = len(MIGRATIONS)  # the number of the last one
READ_VERSION = (HERE / "sql" / "version.sql").read_text()
RECOUNT = (HERE / "sql" / "recount.sql").read_text()
NO_TIME_LIMITS = (HERE / "sql" / "no_time_limits.sql").read_text()

MISTAKES = (  # in the database or the schema, where waiting does not help
    asyncpg.DataError,
    asyncpg.DependentPrivilegeDescriptorsStillExistError,
    asyncpg.FeatureNotSupportedError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.SyntaxOrAccessError,
)

log = structlog.get_logger("schema")


class SchemaMissingError(Exception):
    """This worker may not apply the schema, and nobody else has done it."""


async def version(connection: asyncpg.Connection) -> int:
    """Return the number of the last migration that was applied, 0 if there was none."""
    found: int = await connection.fetchval(READ_VERSION)
    return found


async def apply(
    connection: asyncpg.Connection, *, recount: bool = False, lock_timeout: int = LOCK_TIMEOUT
) -> None:
    """Apply the migrations that are missing. A newer schema stays as it is.

    Args:
        connection: One without a time limit for statements.
        recount: Count the tallies again in any case.
        lock_timeout: ms to wait for the locks of writers.

    Raises:
        asyncpg.LockNotAvailableError: Others have kept the table locked for that long.
    """
    async with connection.transaction(isolation="read_committed"):
        await connection.execute(NO_TIME_LIMITS)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        await connection.execute(f"SET LOCAL lock_timeout = {lock_timeout}")
        applied = await version(connection)
        for number, migration in enumerate(MIGRATIONS[applied:], applied + 1):
            log.info("applying a migration", number=number)
            await connection.execute(migration)
            await connection.execute(f"COMMENT ON TABLE votes IS 'migration {number}'")
        if recount:
            log.info("counting the tallies again")
            await connection.execute(RECOUNT)
    log.info("the schema is up to date", version=max(applied, VERSION))


async def migrate(
    settings: DatabaseSettings, *, recount: bool = False, lock_timeout: int = LOCK_TIMEOUT
) -> None:
    """Apply what is missing, however long that takes. Arguments as for `apply`."""
    pauses = delays()
    while True:
        try:
            connection = await postgres_client.connect(
                settings, "worker-migration", command_timeout=None
            )
            try:
                return await apply(connection, recount=recount, lock_timeout=lock_timeout)
            finally:
                connection.terminate()
        except MISTAKES:
            raise
        except postgres_client.UNAVAILABLE as error:
            log.warning("the schema cannot be applied yet, retrying", reason=describe(error))
            await asyncio.sleep(next(pauses))
