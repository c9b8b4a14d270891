"""Pods that follow the load: vote by its CPU use (HPA), the worker by the queue (KEDA)."""

import asyncio

import pytest

from tests import until
from tests.e2e.cluster.release import installed
from tests.e2e.cluster.system import System, run
from tests.process import voters

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(500)]

PATIENCE = 150  # seconds; metrics are 15 s old, and the autoscaler looks every 15 s
PILE = 3_000  # votes that wait while the database is unavailable


async def has_pods(system: System, name: str, least: int, most: int) -> None:
    """Wait until a service has a number of pods."""

    async def is_scaled() -> bool:
        await asyncio.sleep(1)
        return least <= len(await system.pods(name)) <= most

    await until.true(is_scaled, PATIENCE, f"{least} to {most} pods of {name}")


async def test_vote_scales_out_under_load_and_in_again() -> None:
    scaled = {"enabled": True, "minReplicas": 1, "maxReplicas": 3, "targetCPU": "50m"}
    async with installed(5, vote={"autoscaling": scaled | {"scaleDownSeconds": 5}}) as running:
        system = running.system
        people = voters.Voters(await system.url("vote"), concurrency=8, pause=0.01, close=True)
        async with people.voting():
            await has_pods(system, "vote", 2, 3)
        await has_pods(system, "vote", 1, 1)
        assert people.refused == 0, people.reasons
        async with system.database() as url:
            await people.check_stored(url)


async def test_the_worker_scales_from_zero_and_back() -> None:
    operator = await run(
        *("kubectl", "get", "deployments", "--all-namespaces", "--output=name"),
        *("--selector", "app.kubernetes.io/name=keda-operator"),
    )
    if not operator:
        pytest.skip("the cluster has no operator of KEDA")
    keda = {"enabled": True, "listLength": 1000, "cooldownPeriod": 5, "maxReplicas": 3}
    async with installed(5, worker={"keda": keda}) as running:
        system = running.system
        await has_pods(system, "worker", 0, 0)
        # The votes pile up, because the workers that come cannot reach the database.
        await system.kubectl("scale", "statefulset/vote-db", "--replicas=0")
        people = voters.Voters(await system.url("vote"), pause=0.01, close=True)
        async with people.voting():
            await people.more(PILE)
        await has_pods(system, "worker", 3, 3)
        await system.kubectl("scale", "statefulset/vote-db", "--replicas=1")
        await system.counted(len(people.acknowledged), PATIENCE)
        await has_pods(system, "worker", 0, 0)
        async with system.database() as url:
            await people.check_stored(url)
