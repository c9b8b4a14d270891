"""External stores: here, the two subcharts in a namespace of their own."""

import pytest

from tests.e2e.cluster.release import CHART, NAME, Release, new_namespace
from tests.e2e.cluster.system import ROOT, System, restricted, run

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(400)]

PASSWORDS = {"password": """o"n'e \\$""", "worker-password": "two", "result-password": "three"}
OWNER = {"DB_USER": "owner", "DB_PASS": "five"}
OWNER_SQL = ROOT / "chart" / "files" / "owner.sql"
RIGHTS = """
SELECT format('%s %s on %s', grantee, privilege_type, table_name)
FROM information_schema.role_table_grants
WHERE grantee IN ('worker', 'result') AND privilege_type <> 'SELECT' ORDER BY 1
"""


async def create_secret(system: System, name: str, data: dict[str, str]) -> None:
    literals = [f"--from-literal={key}={value}" for key, value in data.items()]
    await system.kubectl("create", "secret", "generic", name, *literals)


async def psql(stores: System, sql: str) -> str:
    """The answer that the superuser gets."""
    return await stores.kubectl(
        *("exec", "--stdin", "postgresql-0", "--", "env", f"OWNER_PASSWORD={OWNER['DB_PASS']}"),
        *("psql", "--username=postgres", "--dbname=voting", "--no-align", "--tuples-only"),
        stdin=sql,
    )


async def test_external_stores_with_the_schema_of_another_role() -> None:
    async with restricted(new_namespace()) as stores:
        await create_secret(stores, "stores", PASSWORDS | {"postgres-password": "four"})
        for chart in ("redis", "postgresql"):
            await run(
                *("helm", "--namespace", stores.namespace, "install", chart),
                *(f"{CHART}/charts/{chart}", "--wait", "--timeout=120s"),
                *("--set", "auth.existingSecret=stores", "--set", f"fullnameOverride={chart}"),
            )
        await psql(stores, OWNER_SQL.read_text())
        async with restricted(f"{stores.namespace}-poll", f"{NAME}-") as system:
            await create_secret(system, "stores", PASSWORDS)
            await create_secret(system, "owner", OWNER)
            running = Release(system)
            await running.install(
                tags={"stores": False},
                externalRedis={"host": f"redis.{stores.namespace}", "existingSecret": "stores"},
                externalDatabase={
                    "host": f"postgresql.{stores.namespace}",
                    "resultUser": "result",
                    "existingSecret": "stores",
                },
                migration={"enabled": True, "existingSecret": "owner"},
                serviceAccount={"create": True},
                seed={"enabled": True},
            )
            await system.ready(4)
            assert "verified" in await system.job("vote-seed")
            assert await system.results() == {"a": 2000, "b": 1000}
            assert not (await system.get("pvc"))["items"]
            # Once more, now that the tables exist; an upgrade runs the migration again, too.
            await psql(stores, OWNER_SQL.read_text())
            await running.run("upgrade", NAME, CHART, "--reset-then-reuse-values")
            await running.test()
            writes = (await psql(stores, RIGHTS)).split("\n")
            assert list(filter(None, writes)) == [
                "worker INSERT on votes",
                "worker UPDATE on votes",
            ]
            assert await system.restarts() == {}
