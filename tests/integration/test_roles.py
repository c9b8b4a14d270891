"""The roles of the bundled Postgres, as the scripts of the Kustomize component create them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from standalone.stores import POSTGRES, installed
from tests.service import ROOT
from tests.store import Stores

PSQL = installed(POSTGRES) / "pginstall" / "bin" / "psql"
ROLES = ROOT / "kustomize" / "components" / "stores" / "db" / "roles.sql"
OWNER = ROOT / "chart" / "files" / "owner.sql"
DATABASE = "roles"
MAY_CREATE = "SELECT has_schema_privilege('worker', 'public', 'CREATE')"


class Database:
    """A separate database: what the scripts grant and revoke does not affect other tests."""

    def __init__(self, url: str, secret: Path) -> None:
        self.url = url
        self._secret = secret

    async def run(self, script: Path) -> None:
        """Run a script by psql, as the pod of the database does."""
        running = await asyncio.create_subprocess_exec(
            *(PSQL, "--no-psqlrc", "--quiet", self.url, "--file", script),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={
                "PATH": "/usr/bin:/bin",
                "CREDENTIALS": str(self._secret),
                "OWNER_PASSWORD": "five",
            },
        )
        _, errors = await running.communicate()
        assert running.returncode == 0, errors.decode()

    async def worker_may_create(self) -> bool:
        connection = await asyncpg.connect(self.url)
        try:
            return bool(await connection.fetchval(MAY_CREATE))
        finally:
            await connection.close()


@pytest.fixture
async def database(stores: Stores, tmp_path: Path) -> AsyncIterator[Database]:
    parts = urlsplit(stores.database_url)
    # The role that runs the script gets a password, too: the one that the other tests use.
    passwords = {"postgres": parts.password or "four", "worker": "two", "result": "three"}
    for role, password in passwords.items():
        (tmp_path / f"{role}-password").write_text(password)
    async with contextlib.AsyncExitStack() as held:
        admin = await asyncpg.connect(stores.database_url)
        held.push_async_callback(admin.close)
        await admin.execute(f"CREATE DATABASE {DATABASE}")
        for role in ("worker", "result", "owner"):
            held.push_async_callback(admin.execute, f"DROP ROLE IF EXISTS {role}")
        held.push_async_callback(admin.execute, f"DROP DATABASE {DATABASE} WITH (FORCE)")
        yield Database(urlunsplit(parts._replace(path=f"/{DATABASE}")), tmp_path)


async def test_worker_creates_the_tables_unless_owner_does(database: Database) -> None:
    for _ in range(2):  # each start of the pod runs it
        await database.run(ROLES)
        assert await database.worker_may_create()
    await database.run(OWNER)
    assert not await database.worker_may_create()
    await database.run(ROLES)
    assert not await database.worker_may_create()
