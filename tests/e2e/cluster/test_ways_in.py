"""Each way in, as in the README: applied, ready, voted, seeded."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator

import aiohttp
import dotenv
import pytest
from playwright.async_api import Browser, expect

from tests import until
from tests.browser import visitor
from tests.e2e.cluster.release import NAME, PODS, VERSION, Release, installed, new_namespace
from tests.e2e.cluster.system import ROOT, CommandError, System, cleaned, restricted, run

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(400)]

SEED = ("--kustomize", str(ROOT / "kustomize" / "components" / "seed"))
SEEDED = {"a": 2000, "b": 1000}
# The namespace, which must not be in use, the argument of `kubectl apply`, and the number of pods.
APPLIED = {
    "k8s": ("vote", f"--filename={ROOT / 'k8s'}", 6),
    "dev": ("dev", f"--kustomize={ROOT / 'kustomize' / 'overlays' / 'dev'}", 5),
}


@contextlib.asynccontextmanager
async def way_in(way: str) -> AsyncIterator[tuple[System, int]]:
    """The system by one of the ways, and the number of its pods."""
    if way in APPLIED:
        name, source, pods = APPLIED[way]
        present = await run("kubectl", "get", "namespace", name, "--ignore-not-found")
        if "Terminating" in present:
            await run("kubectl", "wait", "--for=delete", f"namespace/{name}", "--timeout=120s")
        else:
            assert not present, f"the namespace {name} is in use, and this test would delete it"
        await run("kubectl", "apply", source)
        async with cleaned(System(name)) as system:
            yield system, pods
    else:
        async with restricted(new_namespace(), f"{NAME}-") as system:
            await Release(system, way).install()
            yield system, PODS


@pytest.mark.parametrize("way", ["k8s", "dev", "helm", "helm4"])
async def test_a_way_in(way: str, browser: Browser) -> None:
    async with way_in(way) as (system, pods):
        await system.ready(pods)
        async with visitor.arrived(browser) as wall, visitor.arrived(browser) as phone:
            await wall.open(await system.url("result"))
            await phone.open(await system.url("vote"))
            await phone.vote("a")
            await expect(wall.page.locator("#total")).to_have_text("1 vote", timeout=20_000)
        assert await system.restarts() == {}
        await check_restricted(system)
        # Faults are on in dev only.
        assert await log_in(system, dev_token()) == (204 if way == "dev" else 404)
        if way == "k8s":
            await system.kubectl("apply", *SEED)
            assert "verified" in await system.job("seed")
            assert await system.results() == {"a": SEEDED["a"] + 1, "b": SEEDED["b"]}
            await change_passwords(system)
            assert await system.results() == {"a": SEEDED["a"] + 1, "b": SEEDED["b"]}
            await reset(system)


async def check_restricted(system: System) -> None:
    """The namespace refuses a pod with more rights."""
    with pytest.raises(CommandError, match="violates PodSecurity"):
        await system.kubectl("run", "rude", f"--image=voting-vote:{VERSION}", "--privileged")


def dev_token() -> str:
    values = dotenv.dotenv_values(ROOT / "kustomize" / "overlays" / "dev" / "result.env")
    return str(values["PRESENTER_TOKEN"])


async def log_in(system: System, token: str) -> int:
    """The status of the answer to a presenter; the page itself always answers."""
    url = f"{await system.url('result')}/system"
    async with aiohttp.ClientSession() as client:
        async with client.get(url) as page:
            assert page.status == 200
        async with client.post(f"{url}/login", json={"token": token}) as answer:
            return answer.status


async def reset(system: System) -> None:
    """Delete all votes."""
    command = ("python", "-m", "worker", "--reset", "--yes")
    await system.kubectl("exec", "deployment/worker", "--", *command)

    async def is_empty() -> bool:
        return await system.results() == {"a": 0, "b": 0}

    await until.true(is_empty, 20, "the result page starts at zero")


async def change_passwords(system: System) -> None:
    """Give the stores and the services new passwords."""
    _, _, pods = APPLIED["k8s"]
    for name in ("redis-secret", "db-secret"):
        data = (await system.get("secret", name))["data"]
        patch = json.dumps({"stringData": dict.fromkeys(data, "changed")})
        await system.kubectl("patch", "secret", name, "--patch", patch)
    await system.kubectl("rollout", "restart", "statefulset,deployment")
    for each in ("statefulset/db", "statefulset/redis", "deployment/worker", "deployment/result"):
        await system.kubectl("rollout", "status", each, "--timeout=90s")
    await system.ready(pods)


async def test_an_install_with_the_migration_and_the_seed() -> None:
    async with installed(
        seed={"enabled": True}, migration={"enabled": True}, faults={"enabled": True}
    ) as running:
        assert "verified" in await running.system.job("vote-seed")
        await running.system.job("vote-migration-1")
        assert await running.system.results() == SEEDED
        await running.test()
        await running.system.counted(sum(SEEDED.values()) + 1)
        secret = await running.system.get("secret", "vote-presenter-secret")
        token = base64.b64decode(secret["data"]["presenter-token"]).decode()
        assert await log_in(running.system, token) == 204
        assert await running.system.restarts() == {}
