"""The messages of the status strip about the queue, the workers and the vote page."""

import asyncio
import json
import time

import pytest
import redis.asyncio

from common import keys
from common.dependency import Dependency
from common.poll import Poll
from result import pipeline
from result.pipeline import Pipeline, Snapshot
from tests import store, until
from tests.integration.listener import Listener

Client = redis.asyncio.Redis


async def beat(client: Client, name: str, *, ms: int = 60_000, **status: object) -> None:
    await client.sadd(keys.WORKERS, name)
    await client.set(keys.heartbeat(name), json.dumps(status), px=ms)


async def test_the_status(audience: Listener, client: Client) -> None:
    committed = 1_764_000_000_000
    await client.rpush(keys.VOTES, b"1", b"2", b"3")
    await client.rpush(keys.claimed("w1"), b"4", b"5")
    await client.rpush(keys.DEAD, b"6")
    await beat(client, "w1", state="working", last_commit=committed)
    await audience.shows(waiting=3, claimed=2, dead=1, last_commit=committed)
    status = audience.status
    worker = {"name": "w1", "state": "working", "last_commit": committed, "claimed": 2}
    assert status["workers"] == [worker | {"alive": True, "silent": False}]
    assert status["postgres"]["state"] == status["redis"]["state"] == "available"
    assert (status["closes_at"], status["final"]) == (None, False)
    now = time.time() * 1000  # ms
    assert now - 5000 < status["as_of"] <= status["now"] <= now

    await beat(client, "w1", ms=1_000)
    await until.true(lambda: audience.status["workers"][0]["silent"])
    await client.delete(keys.heartbeat("w1"))
    await until.true(lambda: not audience.status["workers"][0]["alive"])
    await client.srem(keys.WORKERS, "w1")
    await audience.shows(workers=[], claimed=0)


async def test_a_vote_page_is_missed_only_after_one_was_seen(
    audience: Listener, client: Client
) -> None:
    await audience.shows(waiting=0, vote_page=None)
    await client.set(keys.VOTE_PAGE, "replica-7", px=keys.VOTE_PAGE_TTL)
    await audience.shows(vote_page=True)
    seen = time.monotonic()
    await audience.shows(vote_page=False)
    assert time.monotonic() - seen > pipeline.VOTE_PAGE_MAX_AGE / 1000 - 1
    assert await client.exists(keys.VOTE_PAGE)  # it is judged by its age


async def test_heartbeats_of_other_programs_do_no_harm(audience: Listener, client: Client) -> None:
    values = {"1": b"[]", "2": b"\xff", "3": b'{"last_commit": "now", "state": 7}', "4": b"null"}
    for name, value in values.items():
        await client.set(keys.heartbeat(name), value, px=60_000)
    await client.sadd(keys.WORKERS, *values, b"\xff")
    await until.true(lambda: len(audience.status.get("workers") or []) == 5)
    alive = [worker["alive"] for worker in audience.status["workers"]]
    assert alive == [True, True, True, True, False]


async def test_a_vote_that_moves_between_lists_is_counted_once(
    client: Client, stores: store.Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "INTERVAL", 0.002)
    await client.rpush(keys.VOTES, b"x")
    # With a timeout, redis-py sends through asyncio.wait_for(), which loses some cancellations in
    # Python 3.11.
    other = redis.asyncio.Redis.from_url(stores.redis_url, socket_timeout=None)
    looking = Pipeline(other, Dependency("redis", ""), Poll("?", {}))
    following = asyncio.create_task(looking.follow())
    looks: list[Snapshot] = []
    for number in range(100):
        worker = f"w{number // 10}"  # its first claim comes right after its registration
        if number % 10 == 0:
            await client.sadd(keys.WORKERS, worker)
        await client.lmove(keys.VOTES, keys.claimed(worker))
        await client.lmove(keys.claimed(worker), keys.VOTES)
        if looking.latest and looking.latest not in looks[-1:]:
            looks.append(looking.latest)
    following.cancel()
    await asyncio.wait([following])
    await other.aclose()
    assert {queue.claimed for queue in looks} == {0, 1}
    assert {queue.waiting + queue.claimed for queue in looks} == {1}


async def test_after_an_outage_of_redis_nothing_is_missed_at_once(
    audience: Listener, client: Client, stores: store.Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "GRACE", 1.0)
    await client.set(keys.VOTE_PAGE, "replica-7", px=60_000)
    await beat(client, "w1")
    await beat(client, "w2")
    await until.true(lambda: len(audience.status.get("workers") or []) == 2)
    await stores.redis.pause()
    await audience.shows_store("redis", "unavailable")
    await audience.shows(waiting=None, workers=None, vote_page=None)
    first = len(audience.heard)
    await stores.redis.resume()
    await client.delete(keys.heartbeat("w2"), keys.VOTE_PAGE)
    await audience.shows(vote_page=False)
    events = [event.content for event in audience.heard[first:] if event.name == "pipeline"]
    after = [status for status in events if status["redis"]["state"] == "available"]
    uncertain = [status for status in after if status["now"] < after[0]["now"] + 700]
    assert uncertain
    for status in uncertain:
        assert status["vote_page"] is not False
        assert all(worker["alive"] for worker in status["workers"] or [])
    assert [worker["alive"] for worker in audience.status["workers"]] == [True, False]
