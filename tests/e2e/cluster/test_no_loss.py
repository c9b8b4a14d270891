"""Rolling updates and deleted pods under load: every acknowledged vote is stored."""

import os
import subprocess

import pytest
import pytest_asyncio

from tests import until
from tests.e2e.cluster import release
from tests.e2e.cluster.release import NAME, PODS, VERSION, Release
from tests.e2e.cluster.system import CommandError, System
from tests.process import voters

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(500)]

NEXT = f"{VERSION}-next"  # the same programs under another tag
SERVICES = ("vote", "worker", "result")
VOTES = 50  # acknowledged before and after each change


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def people(installed: Release) -> voters.Voters:
    """Voters at the node port, each request on a connection of its own.

    A server that terminates may close a kept connection while the next request is on its way.
    Sending that again is up to the client, as browsers do.
    """
    url = await installed.system.url("vote")
    return voters.Voters(url, concurrency=4, pause=0.02, close=True, options="aabc")


def next_tag() -> str | None:
    """Load the images under another tag; None if LOAD does not say how."""
    if not os.environ.get("LOAD"):
        return None
    tagged = [f"voting-{name}:{NEXT}" for name in SERVICES]
    for name, image in zip(SERVICES, tagged, strict=True):
        subprocess.run(["docker", "tag", f"voting-{name}:{VERSION}", image], check=True)
    release.load(*tagged)
    subprocess.run(["docker", "image", "rm", *tagged], check=True, capture_output=True)
    return NEXT


async def test_upgrades_lose_nothing_and_refuse_nobody(
    installed: Release, people: voters.Voters
) -> None:
    system = installed.system
    before = await system.passwords(), await identities(system, "db", "redis")
    async with people.voting():
        await people.more(VOTES)
        await installed.upgrade(poll={"options": ["Tea", "Coffee", "Water"]})
        await until.true(lambda: "c" in people.acknowledged.values())
        await people.more(VOTES)
        await installed.upgrade(vote={"replicaCount": 3}, result={"replicaCount": 2})
        assert len(await system.pods("vote")) == 3
        await people.more(VOTES)
        if tag := next_tag():
            await installed.upgrade(image={"tag": tag})
            await people.more(VOTES)
        await installed.run("rollback", NAME, "1", "--wait", "--timeout=180s")
        await people.more(VOTES)
    assert people.refused == 0, people.reasons
    assert set(await system.results()) == {"a", "b"}
    # The stores kept their passwords and were not restarted.
    assert (await system.passwords(), await identities(system, "db", "redis")) == before
    async with system.database() as url:
        await people.check_stored(url)


async def identities(system: System, *names: str) -> list[str]:
    return [pod["metadata"]["uid"] for name in names for pod in await system.pods(name)]


async def test_deleted_pods_lose_nothing(installed: Release, people: voters.Voters) -> None:
    system = installed.system
    async with people.voting():
        for name in ("worker", "vote", "result", "redis", "db"):
            await people.more(VOTES)
            refused = people.refused
            (pod, *_) = await system.pods(name)
            # One second, which is less than a page takes to terminate: like a node that fails.
            await system.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=1")
            await system.ready(PODS)
            await people.well(VOTES)
            assert pod["metadata"]["uid"] not in await identities(system, name)
            if name in ("worker", "result", "db"):
                assert people.refused == refused, (name, people.reasons)
    async with system.database() as url:
        await people.check_stored(url)
    assert await system.restarts() == {}


async def test_a_new_installation_finds_the_votes_of_the_old_one(installed: Release) -> None:
    system = installed.system
    await installed.test()
    counted = await system.results()
    assert sum(counted.values()) > 0
    await installed.run("uninstall", NAME, "--wait", "--timeout=120s")
    claims = await system.kubectl("get", "pvc", "--output=name")
    assert {line.rpartition("/")[2] for line in claims.split()} == {
        "data-vote-db-0",
        "data-vote-redis-0",
    }
    assert not await system.kubectl("get", "secret,statefulset,deployment", "--output=name")
    await installed.install()
    await system.ready(PODS)
    await system.counted(sum(counted.values()))
    assert await system.results() == counted
    await installed.test()


async def test_an_upgrade_that_would_lose_data_changes_nothing(installed: Release) -> None:
    for values, message in (
        ({"poll": {"options": ["Cats"]}}, "/poll/options"),
        ({"postgresql": {"fullnameOverride": "pg"}}, "vote-db of this release would be replaced"),
    ):
        with pytest.raises(CommandError, match=message):
            await installed.upgrade(image={"tag": "none"}, **values)
    images = {pod["spec"]["containers"][0]["image"] for pod in await installed.system.pods("vote")}
    assert images == {f"voting-vote:{VERSION}"}
