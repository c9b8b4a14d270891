"""No injected fault loses an acknowledged vote: real processes under load, each fault in turn."""

import asyncio
import functools
import re
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
import redis.asyncio

from common import faults
from common.faults import KINDS, Fault, create
from common.queue import keys
from tests import heartbeats, until
from tests.heartbeats import Heard
from tests.process.voters import Voters
from tests.service import Service, Services
from tests.store import Stores

Client = redis.asyncio.Redis
PROBES = ("/healthz", "/readyz", "/metrics")
VALUES = {"vote-latency": 300, "vote-errors": 50, "slow-commit": 500, "connection-drops": 100}
BACKLOG = 50  # ballots


@pytest.fixture
async def client(stores: Stores) -> AsyncIterator[Client]:
    async with redis.asyncio.Redis.from_url(stores.redis_url) as connected:
        yield connected


def is_shown(heard: Heard, fault: Fault) -> bool:
    """Return whether all replicas that have this fault say so."""
    found = [each for each in heard.values() if each.service == fault.service]
    return bool(found) and all(str(fault) in each.faults for each in found)


def has_refused(heard: Heard) -> bool:
    """Return whether a replica of vote says that it has refused votes."""
    return any(each.refused for each in heard.values() if each.service == "vote")


async def has_backlog(client: Client) -> bool:
    names = [name async for name in client.scan_iter(match=keys.claimed("*"))]
    claimed = [await client.llen(name) for name in names]
    return await client.llen(keys.VOTES) + sum(claimed) > BACKLOG


async def takes(url: str, seconds: float) -> bool:
    """Return whether a vote takes at least so long."""
    started = time.monotonic()
    async with aiohttp.ClientSession() as session, session.post(url, data={"vote": "a"}):
        return time.monotonic() - started >= seconds


async def commits_slowly(worker: Service) -> bool:
    """Return whether a commit has taken longer than a quarter of a second."""
    metrics = await worker.text("/metrics")
    fast, all_ = re.findall(
        r'^worker_commit_seconds_bucket\{le="(?:0.25|\+Inf)"\} (.*)$', metrics, re.MULTILINE
    )
    return float(fast) < float(all_)


@pytest.mark.timeout(240)
@pytest.mark.extended
async def test_no_fault_loses_an_acknowledged_vote(
    stores: Stores, services: Services, client: Client
) -> None:
    enabled = {"FAULTS": "enabled", "PRESENTER_TOKEN": "a token of the tests", **stores.environment}
    workers = [services.start("tests.worker", f"--name=w{n}", **enabled) for n in range(2)]
    vote = await services.ready("vote", **stores.environment, FAULTS="enabled")
    result = await services.ready("result", **enabled)
    await asyncio.gather(*(worker.ready() for worker in workers))
    voters = Voters(vote.url, concurrency=8)

    async def shows_effect(kind: str) -> bool:
        if kind == "vote-latency":
            return await takes(vote.url, 0.3)
        if kind == "vote-errors":
            return voters.reasons["503 ['not_taken']"] > 0 and has_refused(heard)
        if kind == "worker-crash":
            return any(worker.status is not None for worker in workers)
        if kind == "worker-pause":
            return await has_backlog(client)
        if kind == "slow-commit":
            return any([await commits_slowly(worker) for worker in workers])
        return True  # tests/integration/test_presenter.py shows that of result

    async with heartbeats.heard(client) as heard, voters.voting():
        for kind in KINDS:
            fault = create(kind, value=VALUES.get(kind))
            await faults.add(client, fault)
            if kind != "worker-crash":  # it may be over before anybody shows it
                await until.true(functools.partial(is_shown, heard, fault), what=kind)
            await until.true(functools.partial(shows_effect, kind), 20, what=kind)
            await voters.more(50)
            for service in (vote, result, *running(workers)):
                assert [await service.get(path) for path in PROBES] == [200] * 3, kind
            await faults.clear(client)
            await voters.well(50)
    assert len(running(workers)) == 1  # it happens once
    await voters.check_stored(stores.database_url)


def running(workers: list[Service]) -> list[Service]:
    return [worker for worker in workers if worker.status is None]
