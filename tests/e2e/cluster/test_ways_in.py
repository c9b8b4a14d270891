"""Each way in, as the README has it: applied, ready, voted, seeded, and gone again."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable

import pytest
from playwright.async_api import Browser, expect

from tests import until
from tests.browser import visitor
from tests.e2e.cluster import command, release, space

pytestmark = pytest.mark.asyncio(loop_scope="package")

SEED = ("--kustomize", str(release.ROOT / "kustomize" / "components" / "seed"))
SEEDED = {"a": 2000, "b": 1000}
# Their namespaces stand in the manifests, so they must not be in use.
APPLIED = {
    "k8s": ("vote", ("--filename", str(release.ROOT / "k8s")), 6),
    "dev": ("dev", ("--kustomize", str(release.ROOT / "kustomize" / "overlays" / "dev")), 5),
}


@contextlib.asynccontextmanager
async def way_in(way: str) -> AsyncIterator[tuple[space.Space, int]]:
    """The system by one of the ways, on its way to be ready, and how many pods it will have."""
    if way in APPLIED:
        name, source, pods = APPLIED[way]
        if name in space.leaving:
            await command.kubectl("wait", "--for=delete", f"namespace/{name}", "--timeout=120s")
        present = await command.kubectl("get", "namespace", name, "--ignore-not-found")
        assert not present, f"the namespace {name} is in use: this test would delete it"
        try:
            await command.kubectl("apply", *source)
            async with space.told(space.Space(name)) as applied:
                yield applied, pods
        finally:
            await space.leave(name)
    else:
        own = space.restricted(f"voting-test-{uuid.uuid4().hex[:8]}", "vote-")
        async with own as opened:
            # With no value but the ports, so that the test can reach the pages.
            await release.Release(opened, way).install()
            yield opened, release.PODS


@pytest.mark.parametrize("way", ["k8s", "dev", "helm", "helm4"])
async def test_a_way_in(way: str, browser: Browser, measured: Callable[[str], None]) -> None:
    began = time.monotonic()
    async with way_in(way) as (own, pods):
        await own.ready(pods)
        measured(f"{way}: {pods} pods ready after {time.monotonic() - began:.0f} s")
        assert await own.restarts() == {}
        waited = await own.kubectl("logs", f"deployment/{own.own('worker')}", "--container=wait")
        for store in ("redis", "db"):
            assert f"{store} at {own.own(store)}:" in waited
        assert "answers after" in waited

        async with visitor.arrived(browser) as wall, visitor.arrived(browser) as phone:
            await wall.open(await own.url("result"))
            await expect(wall.page.locator("#total")).to_have_text("No votes yet")
            await phone.open(await own.url("vote"))
            await phone.cast("a")
            voted = time.monotonic()
            try:
                await expect(wall.page.locator("#total")).to_have_text("1 vote", timeout=20_000)
                measured(f"{way}: the vote was seen after {time.monotonic() - voted:.2f} s")
            except AssertionError as error:
                said = await wall.page.locator("main").inner_text()
                error.add_note(f"the page: {said!r}\nthe service: {await own.results()}")
                raise

        if way in APPLIED:
            await own.kubectl("apply", *SEED)
        else:
            # A post-install hook, which runs at once for a release that has none yet.
            await seeded(own, way)
        said = await own.job(own.own("seed"))
        assert "verified" in said
        assert await own.results() == {"a": SEEDED["a"] + 1, "b": SEEDED["b"]}
        assert await own.restarts() == {}
        assert await pods_are_restricted(own)
        if way == "k8s":
            measured(f"{way}: lost secrets were made anew in {await secrets_lost(own):.0f} s")
            assert await own.results() == {"a": SEEDED["a"] + 1, "b": SEEDED["b"]}


async def secrets_lost(own: space.Space) -> float:
    """The secrets of both stores are lost, and made anew; the seconds until all is ready again."""
    began = time.monotonic()
    _, source, pods = APPLIED["k8s"]
    await own.kubectl("delete", "secret", "db-secret", "redis-secret")
    # It would go by itself, 30 seconds after its end.
    await own.kubectl("delete", "job", "credentials", "--ignore-not-found")
    await own.kubectl("apply", *source)
    said = await own.job("credentials")
    assert "secret worker-db-secret: exists, left as it is" in said
    assert "secret db-secret: created" in said
    await own.kubectl("rollout", "restart", "statefulset,deployment")
    for each in ("statefulset/db", "statefulset/redis", "deployment/worker", "deployment/result"):
        await own.kubectl("rollout", "status", each, "--timeout=90s")
    await own.ready(pods)
    return time.monotonic() - began


async def seeded(own: space.Space, helm: str) -> None:
    """The chart's seed Job, applied without the release: its hook only runs at an install."""
    rendered = await command.run(
        *(helm, "template", release.NAME, str(release.ROOT / "chart")),
        *("--namespace", own.name, "--set", "seed.enabled=true"),
        *("--show-only", "templates/seed-job.yaml", "--kube-version", "1.34.0"),
    )
    await own.kubectl("apply", "--filename", "-", stdin=rendered)


async def pods_are_restricted(own: space.Space) -> bool:
    """The namespace refuses a pod that asks for more."""
    found = await command.get("namespace", own.name)
    assert found["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    with pytest.raises(command.CommandError, match="violates PodSecurity"):
        await own.kubectl("run", "rude", "--image=voting-vote:0.1.0", "--privileged")
    return True


async def test_an_install_with_the_seed_waits_for_it(measured: Callable[[str], None]) -> None:
    began = time.monotonic()
    values = {"seed": {"enabled": True}, "migration": {"enabled": True}}
    async with release.installed(values) as running:
        measured(f"install with migration and seed: {time.monotonic() - began:.0f} s")
        assert "verified" in await running.space.job("vote-seed")
        assert "schema applied" in await running.space.job("vote-migration-1")
        assert await running.space.results() == SEEDED
        assert "Succeeded" in await running.run("test", release.NAME)

        async def one_more() -> bool:
            return await running.space.results() == {"a": SEEDED["a"] + 1, "b": SEEDED["b"]}

        await until.true(one_more)
        assert await running.space.restarts() == {}
