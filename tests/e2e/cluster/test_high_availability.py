"""The overlay ha under load: a store loses servers, and every acknowledged vote is stored.

`make e2e-cluster ARGS="-k primary --losses 10 --log-cli-level=info"` loses each primary ten times.
"""

import logging
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from tests import until
from tests.e2e.cluster import release, replicated
from tests.e2e.cluster.replicated import STORES, VOTES, Replicated

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(900)]

log = logging.getLogger(__name__)

# A failover ends in seconds, which the log shows. This tells it from one that needs a hand: a
# Sentinel that stood still for 2 s, as on a busy machine, does nothing for 30 s.
PAUSE = 60.0  # seconds


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def running() -> AsyncIterator[Replicated]:
    release.load(replicated.IMAGE)
    async with replicated.opened(release.new_namespace()) as opened:
        yield opened


@pytest.mark.parametrize("store", STORES)
async def test_the_loss_of_a_primary_with_its_volume_loses_no_vote(
    running: Replicated, store: str, request: pytest.FixtureRequest
) -> None:
    for loss in range(request.config.getoption("losses")):
        pod = await running.primary(store)
        before, refused = len(running.voters.acknowledged), running.voters.refused
        async with running.under_load() as pauses:
            await running.lose(pod)
        assert await running.primary(store) != pod
        acknowledged = len(running.voters.acknowledged) - before
        refused = running.voters.refused - refused
        log.info(
            "loss %d, %s: %d acknowledged, none lost, %d refused,"
            " voting paused %.1f s, counting %.1f s",
            *(loss + 1, pod, acknowledged, refused, *pauses),
        )
        assert max(pauses) <= PAUSE
        if store == "db":
            assert not refused, running.voters.reasons


async def test_the_system_page_names_the_primaries(running: Replicated) -> None:
    """They are other pods than at the start."""
    url = await running.system.url("result")
    shown = [f"Primary: {await running.primary(store)}. Replicas: 2" for store in STORES]
    async with aiohttp.ClientSession() as client:
        page = ""

        async def is_shown() -> bool:
            nonlocal page
            async with client.get(f"{url}/system") as answer:
                page = await answer.text()
            return all(each in page for each in shown)

        await until.true(is_shown, 60, lambda: (shown, re.findall("Primary.*", page)))


async def test_the_loss_of_both_primaries_loses_no_vote(running: Replicated) -> None:
    async with running.under_load():
        for pod in [await running.primary(store) for store in STORES]:
            await running.lose(pod)


async def test_a_restart_of_all_servers_of_redis_loses_no_vote(running: Replicated) -> None:
    """redis-0 is behind, and its Sentinel remembers it as the primary."""
    system = running.system
    while await running.primary("redis") == "redis-0":
        await running.switch_over("redis")
        await running.healthy()
    primary = await running.primary("redis")
    async with running.under_load():
        await system.kubectl("scale", "deployment/worker", "--replicas=0")
        await running.valkey("redis-0", "config", "set", "masterauth", "wrong")
        await running.valkey(primary, "client", "kill", "type", "replica")
        await running.voters.well(VOTES)
        changes = (
            "s/^sentinel monitor votes [^.]*/sentinel monitor votes redis-0/",
            "s/^sentinel config-epoch votes .*/sentinel config-epoch votes 0/",
        )
        script = ("sed", "-i", *(f"--expression={each}" for each in changes), "/data/sentinel.conf")
        await system.kubectl("exec", "redis-0", "--container=sentinel", "--", *script)
        await running.restart_all("redis")
        await running.voters.well(VOTES)
        await system.kubectl("scale", "deployment/worker", "--replicas=2")
    assert await running.primary("redis") == primary


async def test_a_sentinel_that_missed_the_newest_primary_learns_it(running: Replicated) -> None:
    """As when the name of the new primary did not resolve: it has the epoch, and names another."""
    await running.switch_over("redis")
    await running.healthy()
    primary = await running.primary("redis")
    pod, other = (f"redis-{number}" for number in range(3) if f"redis-{number}" != primary)
    script = f"s/^sentinel monitor votes [^.]*/sentinel monitor votes {other}/"
    sed = ("sed", "-i", script, "/data/sentinel.conf")
    await running.system.kubectl("exec", pod, "--container=redis", "--", *sed)
    await running.valkey(pod, "shutdown", port=26379)
    await running.healthy()
    assert await running.primary("redis") == primary


async def test_a_restart_of_all_servers_of_postgres_loses_no_vote(running: Replicated) -> None:
    refused = running.voters.refused
    async with running.under_load():
        await running.restart_all("db")
    assert running.voters.refused == refused, running.voters.reasons


@pytest.mark.parametrize("store", STORES)
async def test_a_switchover_loses_no_vote(running: Replicated, store: str) -> None:
    before = await running.primary(store)
    async with running.under_load() as pauses:
        await running.switch_over(store)
    assert await running.primary(store) != before
    log.info("switchover of %s: voting paused %.1f s, counting %.1f s", store, *pauses)
    assert pauses[0] <= PAUSE


async def test_a_rolling_restart_of_both_stores_loses_no_vote(running: Replicated) -> None:
    sets = [f"statefulset/{store}" for store in STORES]
    async with running.under_load() as pauses:
        await running.system.kubectl("rollout", "restart", *sets)
        for each in sets:
            await running.system.kubectl("rollout", "status", each)
    log.info("rolling restart: voting paused %.1f s, counting %.1f s", *pauses)
    assert pauses[0] <= PAUSE


async def test_evictions_one_after_the_other_lose_no_vote(running: Replicated) -> None:
    """As when nodes are drained."""
    async with running.under_load() as pauses:
        for number in range(3):
            for store in STORES:
                await running.evict(f"{store}-{number}")
    log.info("evictions: voting paused %.1f s, counting %.1f s", *pauses)
    assert pauses[0] <= PAUSE
