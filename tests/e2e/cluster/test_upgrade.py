"""Upgrades under constant load, rollback, and an install over what an uninstall left."""

import os
import subprocess
import time
from collections.abc import Callable

import pytest

from tests import until
from tests.e2e.cluster import command, release, space
from tests.process import voters

pytestmark = pytest.mark.asyncio(loop_scope="package")

VERSION = "0.1.0"
NEXT = "0.1.0-next"  # the same programs under another tag
SERVICES = ("vote", "worker", "result")
PASSWORDS = (
    ("redis-secret", "password"),
    ("db-secret", "postgres-password"),
    ("db-secret", "worker-password"),
    ("db-secret", "result-password"),
)


async def people_at(own: space.Space) -> voters.Voters:
    """Voters at the node port. Each request has a connection of its own.

    A kept one may be closed by a leaving server while the next request is on its way; to send that
    again is the client's part in HTTP, and not what is tested here.
    """
    url = await own.url("vote")
    return voters.Voters(url, concurrency=4, pause=0.02, close=True, options="aabc")


async def images(own: space.Space, name: str) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in await own.pods(name)}


async def passwords(own: space.Space) -> list[str]:
    return [await own.secret(name, key) for name, key in PASSWORDS]


def next_tag() -> str | None:
    """Loads the images under another tag; None where LOAD names no command that could."""
    if not os.environ.get("LOAD"):
        return None
    tagged = [f"voting-{name}:{NEXT}" for name in SERVICES]
    for name, image in zip(SERVICES, tagged, strict=True):
        subprocess.run(["docker", "tag", f"voting-{name}:{VERSION}", image], check=True)
    release.load(*tagged)
    subprocess.run(["docker", "image", "rm", *tagged], check=True, capture_output=True)
    return NEXT


async def test_upgrades_lose_nothing_and_refuse_nobody(
    installed: release.Release, measured: Callable[[str], None]
) -> None:
    own = installed.space
    before, stores = await passwords(own), await own.pods("db") + await own.pods("redis")
    people = await people_at(own)
    began = time.monotonic()
    async with people.voting():
        await people.more(50)
        await installed.upgrade(poll={"options": ["Tea", "Coffee", "Water"]})
        assert set(await own.results()) == {"a", "b", "c"}
        await until.true(lambda: "c" in people.acknowledged.values())
        await people.more(50)
        await installed.upgrade(vote={"replicas": 3}, result={"replicas": 2})
        assert [await own.replicas("vote"), await own.replicas("result")] == [3, 2]
        await people.more(50)
        if tag := next_tag():
            await installed.upgrade(image={"tag": tag})
            for name in SERVICES:
                assert await images(own, name) == {f"voting-{name}:{tag}"}
            await people.more(50)
        await installed.run("rollback", release.NAME, "1", "--wait", "--timeout=180s")
        await people.more(50)
    measured(
        f"three upgrades and a rollback in {time.monotonic() - began:.0f} s: "
        f"{len(people.acknowledged)} votes acknowledged, {people.refused} refused"
    )
    assert people.refused == 0, people.reasons
    assert set(await own.results()) == {"a", "b"}
    for name in SERVICES:
        assert await images(own, name) == {f"voting-{name}:{VERSION}"}
    assert await passwords(own) == before
    # The stores were not even restarted.
    same = await own.pods("db") + await own.pods("redis")
    assert [each["metadata"]["uid"] for each in same] == [
        each["metadata"]["uid"] for each in stores
    ]
    async with own.database() as url:
        await people.check_stored(url)
    if tag is None:
        pytest.skip("all but a new tag: LOAD names no command that gives the cluster images")


async def test_an_install_over_what_an_uninstall_left(installed: release.Release) -> None:
    own = installed.space
    people = await people_at(own)
    async with people.voting():
        await people.more(20)

    async def stored() -> bool:
        return await own.voters() >= len(people.acknowledged)

    await until.true(stored, 20)
    before, counted = await passwords(own), await own.results()
    await installed.uninstall()
    left = await own.kubectl(
        "get", "all,configmap,secret,networkpolicy,pvc,ingress,job", "--output=name"
    )
    ours = {line for line in left.split() if line != "configmap/kube-root-ca.crt"}
    leaving = {line for line in ours if line.startswith("pod/")}
    assert ours - leaving == {
        "persistentvolumeclaim/data-vote-db-0",
        "persistentvolumeclaim/data-vote-redis-0",
    }
    await installed.install()
    await own.ready(release.PODS)
    assert await own.results() == counted
    assert not set(await passwords(own)) & set(before)
    people = await people_at(own)  # another install, other node ports
    async with people.voting():
        await people.more(20)

    async def stored_too() -> bool:
        return await own.voters() > sum(counted.values())

    await until.true(stored_too, 20)
    assert await own.restarts() == {}


async def test_a_wrong_value_changes_nothing(installed: release.Release) -> None:
    before = await installed.space.get("configmap", "vote-configmap")
    with pytest.raises(command.CommandError, match="minItems: got 1, want 2"):
        await installed.upgrade(poll={"options": ["Cats"]})
    assert await installed.space.get("configmap", "vote-configmap") == before


async def test_what_the_running_stores_cannot_become_is_refused(
    installed: release.Release,
) -> None:
    own = installed.space
    poll = await own.get("configmap", "vote-configmap")
    larger = {"redis": {"persistence": {"size": "2Gi"}}}
    for values, told in (
        (larger, r'redis.persistence.size is "2Gi", .*StatefulSet vote-redis .* is "1Gi"'),
        ({"redis": {"persistence": {"enabled": False}}}, "redis.persistence.enabled is false"),
        (
            {"postgresql": {"persistence": {"storageClass": "fast"}}},
            'postgresql.persistence.storageClass is "fast"',
        ),
        (
            {"postgresql": {"fullnameOverride": "pg"}},
            "postgresql.fullnameOverride: the StatefulSet vote-db would be replaced by .* pg:",
        ),
    ):
        with pytest.raises(command.CommandError, match=told):
            await installed.upgrade(poll={"options": ["Tea", "Coffee"]}, **values)
    assert await own.get("configmap", "vote-configmap") == poll
    for same in ("1024Mi", 2**30):
        await installed.upgrade(redis={"persistence": {"size": same}})
    # As docs/kubernetes.md has it, on a class of storage that lets claims grow; then as it was.
    for values in (larger, {}):
        await own.kubectl("delete", "statefulset", "vote-redis", "--cascade=orphan")
        await installed.upgrade(**values)
    assert await own.restarts() == {}


async def test_a_password_that_is_gone_is_not_made_anew_behind_a_running_store(
    installed: release.Release,
) -> None:
    own = installed.space
    kept = await own.secret("redis-secret", "password")
    await own.kubectl("delete", "secret", "vote-redis-secret")
    lost = "the secret vote-redis-secret no longer has the key password, .*set redis.auth.password"
    with pytest.raises(command.CommandError, match=lost):
        await installed.upgrade()
    await own.kubectl(
        *("create", "secret", "generic", "vote-redis-secret", f"--from-literal=password={kept}")
    )
    await installed.upgrade()
    assert await own.secret("redis-secret", "password") == kept
    # A secret of one's own, and the chart's again, which is not there then.
    mine = f"--from-literal=password={kept}"
    await own.kubectl("create", "secret", "generic", "mine", mine)
    await installed.upgrade(redis={"auth": {"existingSecret": "mine"}})
    await installed.upgrade()
    remove = '[{"op": "remove", "path": "/data/result-password"}]'
    await own.kubectl("patch", "secret", "vote-db-secret", "--type=json", f"--patch={remove}")
    lost = "vote-db-secret no longer has the key result-password"
    with pytest.raises(command.CommandError, match=lost):
        await installed.upgrade()
    await own.kubectl("delete", "secret", "vote-db-secret")
    auth = {f"{name}Password": name for name in ("postgres", "worker", "result")}
    await installed.upgrade(postgresql={"auth": auth})
    assert await own.secret("db-secret", "worker-password") == "worker"
    assert "Succeeded" in await installed.run("test", release.NAME)
