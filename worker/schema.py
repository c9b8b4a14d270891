"""The schema in Postgres, applied once by the worker that starts first."""

import asyncio
import hashlib
import re
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
FILE = (HERE / "schema.sql").read_text()
# The statements between BEGIN and COMMIT, which are for psql.
SCHEMA = re.split(r"^(?:BEGIN\b.*|COMMIT);$", FILE, flags=re.MULTILINE)[1]
READ_VERSION = (HERE / "sql" / "version.sql").read_text()
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


def version_of(statements: str) -> str:
    """Return what identifies a schema. Comments do not count: they need no migration."""
    code = re.sub(r"^\s*(--.*)?\n", "", statements, flags=re.MULTILINE)
    return "schema " + hashlib.sha256(code.encode()).hexdigest()[:16]


VERSION = version_of(SCHEMA)


async def version(connection: asyncpg.Connection) -> str | None:
    """Return the version in the database, None if there is no schema."""
    found: str | None = await connection.fetchval(READ_VERSION)
    return found


async def apply(
    connection: asyncpg.Connection, *, recount: bool = False, lock_timeout: int = LOCK_TIMEOUT
) -> None:
    """Apply the schema unless the current version is there.

    Args:
        connection: One without a time limit for statements.
        recount: Apply it in any case, which counts the tallies again.
        lock_timeout: ms to wait for the locks of writers.

    Raises:
        asyncpg.LockNotAvailableError: Others have kept the table locked for that long.
    """
    async with connection.transaction(isolation="read_committed"):
        await connection.execute(NO_TIME_LIMITS)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        if not recount and await version(connection) == VERSION:
            return
        log.info("applying the schema", version=VERSION)
        await connection.execute(f"SET LOCAL lock_timeout = {lock_timeout}")
        await connection.execute(SCHEMA)
        await connection.execute(f"COMMENT ON VIEW tallies IS '{VERSION}'")
    log.info("schema applied", version=VERSION)


async def migrate(
    settings: DatabaseSettings, *, recount: bool = False, lock_timeout: int = LOCK_TIMEOUT
) -> None:
    """Apply the schema, however long that takes. Arguments as for `apply`."""
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
