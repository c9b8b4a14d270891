"""The schema of the worker in Postgres: applied by whoever starts first, and only once."""

import asyncio
import hashlib
import pathlib
import re
import typing

import asyncpg
import structlog

from common import backoff, postgres_client, settings

MIGRATION_LOCK = 1986360427  # the key of the advisory lock; any number that nobody else uses
LOCK_TIMEOUT = 10_000  # ms to wait for running writers, before trying again

_FILE = (pathlib.Path(__file__).parent / "schema.sql").read_text()
SCHEMA = re.split(r"^(?:BEGIN\b.*|COMMIT);$", _FILE, flags=re.MULTILINE)[1]  # what is between them
TRIGGERS = re.findall(r"CREATE OR REPLACE TRIGGER (\w+)", SCHEMA)
RIGHTS = ("SELECT", "INSERT", "UPDATE")  # that a worker needs on votes

_told: set[str] = set()  # the versions of which was told that they are being applied

log = structlog.get_logger("schema")


def version(statements: str) -> str:
    """What tells this schema from others. Lines of comments alone do not: nothing is counted anew
    when one is mended.
    """
    told = re.sub(r"^\s*(--.*)?\n", "", statements, flags=re.MULTILINE)
    return "schema " + hashlib.sha256(told.encode()).hexdigest()[:16]


VERSION = version(SCHEMA)


async def migrate(configured: settings.DatabaseSettings, *, anew: bool = False) -> None:
    """Applies the schema by a connection of its own, however long that takes.

    While somebody keeps the table locked it tries again. `anew` as in `apply`. Raises what
    `postgres_client.connect` and `apply` do.
    """
    connection = await postgres_client.connect(configured, "worker-migration", limit=None)
    try:
        failures = 0
        while True:
            try:
                return await apply(connection, anew=anew)
            except asyncpg.LockNotAvailableError:
                failures += 1
                log.warning("somebody keeps the table votes locked, trying again")
                await asyncio.sleep(backoff.delay(failures))
    finally:
        connection.terminate()


async def apply(connection: asyncpg.Connection, *, anew: bool = False) -> None:
    """Brings the schema up to date, once however many workers start at the same time.

    `anew`: also where it is up to date; so the tallies are counted anew. Raises
    `asyncpg.LockNotAvailableError` when others keep the table for `LOCK_TIMEOUT`.
    """
    if not anew and await is_current(connection):
        return
    async with connection.transaction(isolation="read_committed"):
        await connection.execute(
            "SELECT set_config(name, '0', true) FROM pg_settings"
            " WHERE name IN ('statement_timeout', 'transaction_timeout', 'lock_timeout')"
        )
        # Whoever has it is about to do what is wanted here: it is worth any wait.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        if not anew and await is_current(connection):
            return
        if VERSION not in _told:  # once, however often it is tried
            _told.add(VERSION)
            log.info("applying the schema", version=VERSION)
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
        await connection.execute(SCHEMA)
        await connection.execute(f"COMMENT ON VIEW tallies IS '{VERSION}'")
    _told.discard(VERSION)
    log.info("schema applied", version=VERSION)


async def check(connection: asyncpg.Connection) -> None:
    """Raises `asyncpg.UndefinedTableError` unless the schema is there and current.

    Where this role cannot see it: `asyncpg.InsufficientPrivilegeError`.
    """
    if not await is_current(connection):
        hidden = await connection.fetchval(
            "SELECT quote_ident(nspname)"
            " FROM pg_class JOIN pg_namespace AS n ON n.oid = relnamespace"
            " WHERE relname = 'votes' AND relkind IN ('r', 'p')"
            " AND NOT has_schema_privilege(n.oid, 'USAGE') LIMIT 1"
        )
        if hidden:
            raise _no_rights(await _role(connection), f"USAGE ON SCHEMA {hidden}")
        raise asyncpg.UndefinedTableError(
            "the schema is not there or not current: run `python -m worker --migrate`"
        )


async def check_whole(connection: asyncpg.Connection) -> None:
    """Raises `asyncpg.UndefinedTableError` if a part is missing.

    Of any version: during an update there are workers of two.
    """
    if not await is_whole(connection):
        raise asyncpg.UndefinedTableError("a part of the schema is missing")


async def check_rights(connection: asyncpg.Connection) -> None:
    """Raises `asyncpg.InsufficientPrivilegeError` unless this role may store votes."""
    missing = await connection.fetchval(
        "SELECT string_agg(name, ', ') FROM unnest($1::text[]) AS name"
        " WHERE NOT has_any_column_privilege('votes', name)",
        RIGHTS,
    )
    if missing:
        raise _no_rights(await _role(connection), f"{missing} ON votes")


async def is_current(connection: asyncpg.Connection) -> bool:
    """Whether the schema is there as a whole, in this version."""
    return await _version(connection) == VERSION


async def is_whole(connection: asyncpg.Connection) -> bool:
    """Whether the schema is there as a whole, in any version."""
    return await _version(connection) is not None


async def _version(connection: asyncpg.Connection) -> str | None:
    """The version that is there as a whole; None: somebody has dropped a part, or all."""
    return typing.cast(
        "str | None",
        await connection.fetchval(
            "SELECT obj_description(to_regclass('tallies'), 'pg_class')"
            " WHERE (SELECT count(*) FROM pg_trigger WHERE tgrelid = to_regclass('votes')"
            " AND tgname = ANY($1)) = cardinality($1)",
            TRIGGERS,
        ),
    )


async def _role(connection: asyncpg.Connection) -> str:
    return typing.cast("str", await connection.fetchval("SELECT quote_ident(current_user)"))


def _no_rights(role: str, what: str) -> asyncpg.InsufficientPrivilegeError:
    return asyncpg.InsufficientPrivilegeError(
        f"the role {role} has no right to store votes: as the owner, GRANT {what} TO {role}"
    )
