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

from common.settings import RETIRED
from result.settings import Settings as ResultSettings
from tests import service, store
from vote.settings import Settings as VoteSettings
from worker.settings import Settings as WorkerSettings

# A busy machine is no fault of the code.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

# Started by nohup or in the background of a script, the tests ignore these signals. A handler
# instead, which does nothing, is not inherited by the programs that the tests start.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

DATABASE = "test"
SETTINGS = frozenset(
    name.upper()
    for settings in (VoteSettings, WorkerSettings, ResultSettings)
    for name in settings.model_fields
) | set(RETIRED)


@pytest.hookimpl(optionalhook=True)  # also without the plugin
def pytest_xdist_auto_num_workers() -> int | None:
    """Return the number of processes for `-n auto`: the tests wait more than they compute."""
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None  # the plugin uses that
    return min(2 * (os.cpu_count() or 1), service.MOST_WORKERS)


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide settings in the environment of this machine from the tests."""
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
    await servers.postgres.restore()
    await servers.redis.restore()
    database_url = await _empty_database(servers.database_url)
    async with redis.asyncio.Redis.from_url(servers.redis_url) as client:
        await client.flushall()
    yield store.Stores(
        database_url=database_url,
        redis_url=servers.redis_url,
        postgres=servers.postgres,
        redis=servers.redis,
    )
    await servers.postgres.restore()
    await servers.redis.restore()


async def _empty_database(admin_url: str) -> str:
    """Return the URL of an empty database. To empty one is ten times faster than to make one."""
    url = urlunsplit(urlsplit(admin_url)._replace(path=f"/{DATABASE}"))
    admin = await asyncpg.connect(admin_url)
    try:
        with contextlib.suppress(asyncpg.DuplicateDatabaseError):
            await admin.execute(f"CREATE DATABASE {DATABASE}")
        await admin.execute(  # connections that the test before has left
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
    """Starts services as real processes, and stops them all after the test."""
    with service.opened(tmp_path) as started:
        yield started
