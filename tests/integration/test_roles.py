"""The roles of the bundled Postgres, as the scripts in kustomize/components/stores/db make them."""

import asyncio
import contextlib
import pathlib
import urllib.parse
from collections.abc import AsyncIterator

import asyncpg
import pytest

from standalone import package
from tests import service, store

PSQL = package.find(package.POSTGRES) / "pginstall/bin/psql"
SCRIPTS = service.ROOT / "kustomize/components/stores/db"
DATABASE = "roles"
ROLES = ("worker", "result", "owner")
MAY_CREATE = "SELECT has_schema_privilege('worker', 'public', 'CREATE')"


class Database:
    """A database of its own: what the scripts grant and revoke stays away from other tests."""

    def __init__(self, url: str, secret: pathlib.Path) -> None:
        self.url = url
        self._secret = secret

    async def run(self, script: str) -> None:
        """As the pod of the database and the documentation do, by psql."""
        running = await asyncio.create_subprocess_exec(
            *(PSQL, "--no-psqlrc", "--quiet", self.url, "--file", SCRIPTS / script),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={
                "PATH": "/usr/bin:/bin",
                "CREDENTIALS": str(self._secret),
                "OWNER_PASSWORD": "five",
            },
        )
        _, complaints = await running.communicate()
        assert running.returncode == 0, complaints.decode()

    async def execute(self, statements: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    async def ask(self, query: str) -> object:
        connection = await asyncpg.connect(self.url)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


@pytest.fixture
async def database(stores: store.Stores, tmp_path: pathlib.Path) -> AsyncIterator[Database]:
    parts = urllib.parse.urlsplit(stores.database_url)
    # Who runs the script gets a password, too: the one that the other tests know.
    passwords = {"postgres": parts.password or "four", "worker": "two", "result": "three"}
    for role, password in passwords.items():
        (tmp_path / f"{role}-password").write_text(password)
    async with contextlib.AsyncExitStack() as held:
        admin = await asyncpg.connect(stores.database_url)
        held.push_async_callback(admin.close)
        await admin.execute(f"CREATE DATABASE {DATABASE}")
        for role in ROLES:
            held.push_async_callback(admin.execute, f"DROP ROLE IF EXISTS {role}")
        held.push_async_callback(admin.execute, f"DROP DATABASE {DATABASE} WITH (FORCE)")
        yield Database(urllib.parse.urlunsplit(parts._replace(path=f"/{DATABASE}")), tmp_path)


async def test_the_worker_makes_the_tables_unless_a_role_of_its_own_does(
    database: Database,
) -> None:
    for _ in range(2):  # each start of the pod runs it
        await database.run("roles.sql")
        assert await database.ask(MAY_CREATE) is True
    await database.run("owner.sql")
    assert await database.ask(MAY_CREATE) is False
    await database.run("roles.sql")
    assert await database.ask(MAY_CREATE) is False
    assert await database.ask(MAY_CREATE.replace("worker", "owner")) is True
    await database.execute("GRANT CREATE ON SCHEMA public TO worker")  # as older roles.sql did then
    await database.run("roles.sql")
    assert await database.ask(MAY_CREATE) is False


# A server's roles are those of all its databases: here another poll's, or the server's own.
@pytest.mark.parametrize(
    "made",
    [
        "CREATE ROLE owner",
        "CREATE ROLE owner SUPERUSER",
        f"CREATE ROLE owner; ALTER DATABASE {DATABASE} OWNER TO owner",
    ],
)
async def test_a_role_named_owner_that_is_none_changes_nothing(
    made: str, database: Database
) -> None:
    await database.execute(made)
    for _ in range(2):
        await database.run("roles.sql")
        assert await database.ask(MAY_CREATE) is True
