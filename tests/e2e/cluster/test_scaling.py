"""Replicas that follow the load: vote by its CPU (HPA), the worker by the waiting votes (KEDA)."""

import asyncio
import time
import uuid
from collections.abc import Callable

import pytest

from tests import until
from tests.e2e.cluster import command, release, space
from tests.process import voters

pytestmark = pytest.mark.asyncio(loop_scope="package")

PATIENCE = 150  # seconds; the measures are 15 seconds old, and the autoscaler looks every 15
LOOK = 1.0  # seconds between two questions to the cluster
PILE = 3_000  # votes that pile up
LATE = 60.0  # seconds: what the start of a pod may take


async def test_vote_scales_out_under_load_and_in_again(measured: Callable[[str], None]) -> None:
    scaled = {"enabled": True, "minReplicas": 1, "maxReplicas": 3, "targetCPU": "50m"}
    values = {"vote": {"autoscaling": scaled | {"scaleDownSeconds": 5}}}
    async with release.installed(values, pods=5) as running:
        own = running.space

        async def at(wanted: int, more: bool) -> bool:
            await asyncio.sleep(LOOK)
            found = await own.replicas("vote")
            return found >= wanted if more else found <= wanted

        people = voters.Voters(await own.url("vote"), concurrency=8, pause=0.01, close=True)
        began = time.monotonic()
        async with people.voting():
            await until.true(lambda: at(2, True), PATIENCE, "vote scales out")
            measured(f"HPA: 2 replicas of vote after {time.monotonic() - began:.0f} s")
        began = time.monotonic()
        await until.true(lambda: at(1, False), PATIENCE, "vote scales in")
        measured(f"HPA: 1 replica again after {time.monotonic() - began:.0f} s without load")
        assert people.refused == 0
        async with own.database() as url:
            await people.check_stored(url)


async def test_an_autoscaler_begins_with_the_replicas_that_are_there() -> None:
    async with release.installed() as running:
        scaled = {"enabled": True, "minReplicas": 1}
        await running.upgrade(vote={"autoscaling": scaled})
        assert (await running.space.get("deployment", "vote"))["spec"]["replicas"] == 2


async def test_helm_4_takes_replicas_back_when_it_is_told_to() -> None:
    """As docs/kubernetes.md has it."""
    async with space.restricted(f"voting-test-{uuid.uuid4().hex[:8]}", "vote-") as own:
        running = release.Release(own, "helm4")
        await running.install()
        await own.kubectl("scale", "deployment/vote", "--replicas=3")
        chart = str(release.ROOT / "chart")
        upgrade = ("upgrade", release.NAME, chart, "--reuse-values", "--set=vote.replicas=1")
        with pytest.raises(command.CommandError, match=r"conflict.*\.spec\.replicas"):
            await running.run(*upgrade)
        await running.run(*upgrade, "--force-conflicts")
        assert (await own.get("deployment", "vote"))["spec"]["replicas"] == 1
        await own.kubectl("scale", "deployment/vote", "--replicas=3")
        await running.run("rollback", release.NAME, "1", "--force-conflicts")
        assert (await own.get("deployment", "vote"))["spec"]["replicas"] == 2


async def test_the_worker_scales_from_nothing_and_back(measured: Callable[[str], None]) -> None:
    operator = await command.kubectl(
        *("get", "deployments", "--all-namespaces", "--output=name"),
        *("--selector", "app.kubernetes.io/name=keda-operator"),
    )
    if not operator:
        pytest.skip("KEDA's operator is not in the cluster")
    keda = {"enabled": True, "listLength": 1000, "cooldownPeriod": 5, "maxReplicas": 3}
    async with release.installed({"worker": {"keda": keda}}, pods=5) as running:
        own = running.space

        async def workers() -> int:
            await asyncio.sleep(LOOK)
            return await own.replicas("worker")

        async def none() -> bool:
            return await workers() == 0

        await until.true(none, PATIENCE, "no worker without votes")
        # One vote, and the first worker of all comes for it.
        people = voters.Voters(await own.url("vote"), concurrency=1, pause=0.05, close=True)
        began = time.monotonic()
        async with people.voting():
            await people.more(1)

        async def stored() -> bool:
            await asyncio.sleep(0.1)
            return await own.voters() >= len(people.acknowledged)

        await until.true(stored, LATE, "the first votes are stored")
        measured(f"KEDA: the first vote is stored after {time.monotonic() - began:.0f} s")
        await until.true(none, PATIENCE, "no worker after the votes")

        # Votes pile up while the database is away.
        await own.kubectl("scale", "statefulset/vote-db", "--replicas=0")
        people_in_a_hurry = voters.Voters(await own.url("vote"), pause=0.01, close=True)
        async with people_in_a_hurry.voting():
            await people_in_a_hurry.more(PILE)

        async def several() -> bool:
            await asyncio.sleep(LOOK)
            return len(await own.pods("worker")) == keda["maxReplicas"]

        await until.true(several, PATIENCE, "as many workers as there may be")
        await own.kubectl("scale", "statefulset/vote-db", "--replicas=1")
        began = time.monotonic()
        people.acknowledged |= people_in_a_hurry.acknowledged
        await until.true(stored, LATE, "the pile is stored")
        measured(
            f"KEDA: {keda['maxReplicas']} workers came for the pile, and all "
            f"{len(people.acknowledged)} votes are stored {time.monotonic() - began:.0f} s later"
        )
        await until.true(none, PATIENCE, "no worker in the end")
        # None is turned away. Of some thousand connections on a node at its limit, one may fail.
        reasons = people.reasons + people_in_a_hurry.reasons
        assert not [each for each in reasons if each.startswith("503")], reasons
        assert reasons.total() <= 1, reasons
        async with own.database() as url:
            await people.check_stored(url)
        assert await own.restarts() == {}
