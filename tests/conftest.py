"""Fixtures for every test: the stores and the services as processes."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest
import redis.asyncio

import result.settings
import vote.settings
import worker.settings
from tests import service, store

# A busy machine is no fault of the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

# What a script runs in the background ignores SIGINT, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

DATABASE = "test"
SETTINGS = frozenset(
    name.upper()
    for module in (vote.settings, worker.settings, result.settings)
    for field in module.Settings.model_fields
    for name in (field, f"{field}_FILE")
) | {"ENV_FILE"}


@pytest.hookimpl(optionalhook=True)  # also without the plugin
def pytest_xdist_auto_num_workers() -> int | None:
    """Among how many processes `-n auto` divides the tests, which wait more than they compute."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None  # as the plugin takes it from there
    return min((os.cpu_count() or 1) + 1, service.MOST_WORKERS)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment says to `make run` does not reach the tests."""
    for name in os.environ:
        if name.upper() in SETTINGS or name.upper().startswith("OPTION_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def servers() -> Iterator[store.Servers]:
    """Postgres and Valkey, for the session. Tests take `stores`."""
    with store.opened() as opened:
        yield opened


@pytest.fixture
async def stores(servers: store.Servers) -> AsyncIterator[store.Stores]:
    """An empty database and an empty Redis for one test."""
    await servers.postgres.mend()
    await servers.redis.mend()
    database_url = await _empty_database(servers.database_url)
    async with redis.asyncio.Redis.from_url(servers.redis_url) as client:
        await client.flushall()
    yield store.Stores(
        database_url=database_url,
        redis_url=servers.redis_url,
        postgres=servers.postgres,
        redis=servers.redis,
    )
    await servers.postgres.mend()
    await servers.redis.mend()


async def _empty_database(admin_url: str) -> str:
    """The URL of a database like a new one: emptied, which is ten times faster than made."""
    url = urlunsplit(urlsplit(admin_url)._replace(path=f"/{DATABASE}"))
    admin = await asyncpg.connect(admin_url)
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await admin.execute(f"CREATE DATABASE {DATABASE}")
        await admin.execute(  # what a test has left
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1",
            DATABASE,
        )
    finally:
        await admin.close()
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(
            "DROP SCHEMA public CASCADE;"
            "CREATE SCHEMA public AUTHORIZATION pg_database_owner;"
            "GRANT USAGE ON SCHEMA public TO PUBLIC"
        )
    finally:
        await connection.close()
    return url


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[service.Services]:
    """Starts services as real processes, and ends them all after the test."""
    with service.opened(tmp_path) as started:
        yield started
