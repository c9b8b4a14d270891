"""Stores from elsewhere, by values alone; here: the two subcharts, in a namespace of their own."""

import contextlib
import typing
import uuid
from collections.abc import AsyncIterator

import pytest

from tests.e2e.cluster import command, release, space

pytestmark = pytest.mark.asyncio(loop_scope="package")

PASSWORDS = {"password": """o"n'e \\$""", "worker-password": "two", "result-password": "three"}
OWNER = {"DB_USER": "owner", "DB_PASS": "five"}
OWNER_SQL = release.ROOT / "kustomize" / "base" / "db" / "owner.sql"
RIGHTS = """
SELECT format('%s %s on %s', grantee, privilege_type, table_name)
FROM information_schema.role_table_grants WHERE grantee IN ('worker', 'result')
ORDER BY 1
"""


def literals(secret: dict[str, str]) -> list[str]:
    return [f"--from-literal={key}={value}" for key, value in secret.items()]


@contextlib.asynccontextmanager
async def two_stores() -> AsyncIterator[space.Space]:
    """The subcharts in a namespace, ready."""
    async with space.restricted(f"voting-test-{uuid.uuid4().hex[:8]}") as stores:
        secret = literals(PASSWORDS | {"postgres-password": "four"})
        await stores.kubectl("create", "secret", "generic", "stores", *secret)
        for chart in ("redis", "postgresql"):
            await command.run(
                *("helm", "--namespace", stores.name, "install", chart),
                *(str(release.ROOT / "chart" / "charts" / chart), "--wait", "--timeout=90s"),
                *("--set", "auth.existingSecret=stores", "--set", f"fullnameOverride={chart}"),
            )
        yield stores


@contextlib.asynccontextmanager
async def poll_beside(
    stores: space.Space, **more: typing.Any
) -> AsyncIterator[tuple[space.Space, release.Release]]:
    """A poll with those stores, in a namespace of its own."""
    async with space.restricted(f"{stores.name}-poll", "vote-") as own:
        await own.kubectl("create", "secret", "generic", "mine", *literals(PASSWORDS))
        await own.kubectl("create", "secret", "generic", "owner", *literals(OWNER))
        running = release.Release(own)
        await running.install(
            tags={"stores": False},
            externalRedis={"host": f"redis.{stores.name}", "existingSecret": "mine"},
            externalDatabase={
                "host": f"postgresql.{stores.name}",
                "resultUser": "result",
                "existingSecret": "mine",
            },
            seed={"enabled": True},
            **more,
        )
        await own.ready(4)
        assert "schema applied" in await own.job("vote-migration")
        assert "verified" in await own.job("vote-seed")
        assert await own.results() == {"a": 2000, "b": 1000}
        yield own, running


async def psql(stores: space.Space, sql: str) -> str:
    """What the superuser is told, without heads and with OWNER_PASSWORD."""
    return await stores.kubectl(
        *("exec", "--stdin", "postgresql-0", "--", "env", f"OWNER_PASSWORD={OWNER['DB_PASS']}"),
        *("psql", "--username=postgres", "--dbname=voting", "--no-align", "--tuples-only"),
        stdin=sql,
    )


async def test_stores_from_elsewhere_with_their_schema_by_a_hook() -> None:
    more = {"migration": {"enabled": True}, "serviceAccount": {"create": True}}
    async with two_stores() as stores, poll_beside(stores, **more) as (own, running):
        assert not (await own.get("pvc"))["items"]
        # Once more before an upgrade, when there is nothing left to do.
        chart = str(release.ROOT / "chart")
        await running.run("upgrade", release.NAME, chart, "--reuse-values")
        await own.job("vote-migration")
        assert await own.restarts() == {}
        # The worker made the tables. From now on they are somebody else's.
        await psql(stores, OWNER_SQL.read_text())
        await psql(stores, "COMMENT ON VIEW tallies IS NULL")  # as if of another version
        given = "migration.existingSecret=owner"
        await running.run("upgrade", release.NAME, chart, "--reuse-values", "--set", given)
        assert "schema applied" in await own.job("vote-migration")
        await check_rights(stores, running)


async def test_a_schema_whose_owner_is_not_the_worker() -> None:
    async with two_stores() as stores:
        await psql(stores, OWNER_SQL.read_text())
        migration = {"enabled": True, "existingSecret": "owner"}
        async with poll_beside(stores, migration=migration) as (own, running):
            # Once more, now that the tables are there.
            await psql(stores, OWNER_SQL.read_text())
            await check_rights(stores, running)
            assert await own.restarts() == {}
            # At its start the bundled database grants what its roles need.
            await stores.kubectl("delete", "pod", "postgresql-0")
            await stores.kubectl("rollout", "status", "statefulset/postgresql", "--timeout=90s")
            may_create = "SELECT has_schema_privilege('worker', 'public', 'CREATE')"
            assert (await psql(stores, may_create)).strip() == "f"


async def check_rights(stores: space.Space, running: release.Release) -> None:
    """A vote is still stored and shown, and nobody may do more than that takes."""
    assert "Succeeded" in await running.run("test", release.NAME)
    rights = (await psql(stores, RIGHTS)).split("\n")
    writes = [right for right in rights if right and " SELECT " not in right]
    assert writes == ["worker INSERT on votes", "worker UPDATE on votes"]
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert (await psql(stores, owners)).split() == ["owner"]


async def test_a_secret_that_lacks_a_key_is_refused() -> None:
    async with space.restricted(f"voting-test-{uuid.uuid4().hex[:8]}", "vote-") as own:
        await own.kubectl("create", "secret", "generic", "mine", "--from-literal=password=one")
        with pytest.raises(command.CommandError) as refused:
            await release.Release(own).install(
                redis={"auth": {"existingSecret": "mine"}},
                postgresql={"auth": {"existingSecret": "mine"}},
            )
        for key in ("postgres-password", "worker-password", "result-password"):
            assert f"the secret mine has no key {key}" in str(refused.value)
        assert "no key password" not in str(refused.value)


async def test_a_secret_of_the_owner_that_cannot_serve_is_refused() -> None:
    async with space.restricted(f"voting-test-{uuid.uuid4().hex[:8]}", "vote-") as own:
        await own.kubectl("create", "secret", "generic", "mine", "--from-literal=DB_USER=owner")
        for name, message in (
            ("mine", "the secret mine has no key DB_PASS"),
            ("mien", f"migration.existingSecret: the namespace {own.name} has no secret mien"),
        ):
            migration = {"enabled": True, "existingSecret": name}
            with pytest.raises(command.CommandError, match=message):
                await release.Release(own).install(migration=migration)
