"""The schema of the worker in Postgres: applied by whoever starts first, and only once."""

import hashlib
import pathlib
import re
import typing

import asyncpg
import structlog

MIGRATION_LOCK = 1986360427  # the key of the advisory lock; any number that nobody else uses
LOCK_TIMEOUT = 10_000  # ms to wait for running writers, before trying again

SCHEMA = (pathlib.Path(__file__).parent / "schema.sql").read_text()
VERSION = "schema " + hashlib.sha256(SCHEMA.encode()).hexdigest()[:16]
TRIGGERS = re.findall(r"CREATE OR REPLACE TRIGGER (\w+)", SCHEMA)

log = structlog.get_logger("schema")


async def apply(connection: asyncpg.Connection) -> None:
    """Brings the schema up to date, once however many workers start at the same time."""
    if await _version(connection) == VERSION:
        return
    async with connection.transaction():
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT}")
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        if await _version(connection) == VERSION:
            return
        await connection.execute(SCHEMA)
        await connection.execute(f"COMMENT ON VIEW tallies IS '{VERSION}'")
    log.info("schema applied", version=VERSION)


async def check(connection: asyncpg.Connection) -> None:
    """Raises `asyncpg.UndefinedTableError` unless the schema is there and current."""
    if await _version(connection) != VERSION:
        raise asyncpg.UndefinedTableError(
            "the schema is not there or not current: run `python -m worker --migrate`"
        )


async def check_whole(connection: asyncpg.Connection) -> None:
    """Raises `asyncpg.UndefinedTableError` if a part is missing.

    Of any version: during an update the workers of two versions would undo each other's.
    """
    if await _version(connection) is None:
        raise asyncpg.UndefinedTableError("a part of the schema is missing")


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
