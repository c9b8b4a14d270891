"""Stores from elsewhere, by values alone; here: the two subcharts, in a namespace of their own."""

import uuid

import pytest

from tests.e2e.cluster import command, release, space

pytestmark = pytest.mark.asyncio(loop_scope="package")

PASSWORDS = {"password": "one", "worker-password": "two", "result-password": "three"}


async def test_stores_from_elsewhere_with_their_schema_by_a_hook() -> None:
    async with space.restricted(f"voting-test-{uuid.uuid4().hex[:8]}") as stores:
        secret = [f"--from-literal={key}={value}" for key, value in PASSWORDS.items()]
        more = "--from-literal=postgres-password=four"
        await stores.kubectl("create", "secret", "generic", "stores", more, *secret)
        for chart in ("redis", "postgresql"):
            await command.run(
                *("helm", "--namespace", stores.name, "install", chart),
                *(str(release.ROOT / "chart" / "charts" / chart), "--wait", "--timeout=90s"),
                *("--set", "auth.existingSecret=stores", "--set", f"fullnameOverride={chart}"),
            )
        async with space.restricted(f"{stores.name}-poll", "vote-") as own:
            await own.kubectl("create", "secret", "generic", "mine", *secret)
            running = release.Release(own)
            await running.install(
                tags={"stores": False},
                externalRedis={"host": f"redis.{stores.name}", "existingSecret": "mine"},
                externalDatabase={
                    "host": f"postgresql.{stores.name}",
                    "resultUser": "result",
                    "existingSecret": "mine",
                },
                migration={"enabled": True},
                seed={"enabled": True},
                serviceAccount={"create": True},
            )
            await own.ready(4)
            assert "schema applied" in await own.job("vote-migration")
            assert "verified" in await own.job("vote-seed")
            assert await own.results() == {"a": 2000, "b": 1000}
            assert not (await own.get("pvc"))["items"]
            # Once more before an upgrade, when there is nothing left to do.
            await running.run(
                "upgrade", release.NAME, str(release.ROOT / "chart"), "--reuse-values"
            )
            await own.job("vote-migration")
            assert await own.restarts() == {}


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
