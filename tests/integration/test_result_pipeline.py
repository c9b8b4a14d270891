"""The messages of the status strip about the queue, the workers and the vote page."""

import asyncio
import time
from typing import Any

import redis.asyncio

from common.background import background
from common.clock import milliseconds
from common.dependency import Dependency
from common.poll import Poll
from common.queue import keys
from common.replica import Identity
from result.audience import IDLE_INTERVAL, Audience
from result.heartbeats import TTL, Heartbeats
from result.pipeline import Pipeline, Snapshot
from result.replicas import RESTART
from tests import heartbeats, store, until
from tests.integration import beating, listener
from tests.integration.listener import Listener

Client = redis.asyncio.Redis
OWN = Identity("result", "r1", "1")


async def test_the_status(audience: Listener, client: Client) -> None:
    committed = 1_764_000_000_000
    await client.rpush(keys.VOTES, b"1", b"2", b"3")
    await client.rpush(keys.claimed("s1"), b"4", b"5")
    await client.rpush(keys.DEAD, b"6")
    await beating.session(client, "s1", {"replica": "w1"})
    working = heartbeats.sent(client, "worker", "w1", state="working", last_commit=committed)
    async with working:
        await audience.shows(waiting=3, claimed=2, dead=1, last_commit=committed)
    status = audience.status
    session = {"name": "s1", "replica": "w1", "alive": True, "silent": False, "claimed": 2}
    assert status["workers"] == [session | {"state": "working", "last_commit": committed}]
    assert status["postgres"]["state"] == status["redis"]["state"] == "available"
    assert (status["closes_at"], status["final"]) == (None, False)
    now = time.time() * 1000  # ms
    assert now - 5000 < status["as_of"] <= status["now"] <= now

    await beating.session(client, "s1", {"replica": "w1"}, ms=1_000)
    await until.true(lambda: audience.status["workers"][0]["silent"])
    await client.delete(keys.heartbeat("s1"))
    await until.true(lambda: not audience.status["workers"][0]["alive"])
    await client.srem(keys.SESSIONS, "s1")
    await audience.shows(workers=[], claimed=0)


async def test_a_vote_page_is_missed_only_after_one_was_seen(
    audience: Listener, client: Client
) -> None:
    await audience.shows(waiting=0, vote_page=None)
    async with heartbeats.sent(client, "vote", "v1"):
        async with heartbeats.sent(client, "vote", "v2"):
            await audience.shows(vote_page=True)
        since = audience.status["now"]
        await until.true(lambda: audience.status["now"] > since + (TTL + 1) * 1000)
        assert audience.status["vote_page"]  # the other replica is there
        first = len(audience.heard)
    await audience.shows(vote_page=False)
    events = [event.content for event in audience.heard[first:] if event.name == "pipeline"]
    gone = [each["now"] for each in events if not each["vote_page"]]
    # It is missed after the time that a restart takes.
    assert gone[0] - events[0]["now"] > RESTART - 1000


async def test_workers_of_the_version_before_are_well(audience: Listener, client: Client) -> None:
    content = {"name": "w-1-abcdef", "state": "idle", "last_commit": 1_764_000_000_000}
    await beating.session(client, "w-1-abcdef", content)

    def session() -> dict[str, Any]:
        return dict(*audience.status.get("workers") or [])

    async with heartbeats.sent(client, "worker", "w-1", state="waiting for postgres"):
        await until.true(lambda: session().get("state") == "waiting for postgres")
    assert (session()["replica"], session()["alive"], session()["silent"]) == ("w-1", True, False)


async def test_heartbeats_of_other_programs_do_no_harm(audience: Listener, client: Client) -> None:
    values = {"1": b"[]", "2": b"\xff", "3": b'{"last_commit": "now", "state": 7}', "4": b"null"}
    for name, value in values.items():
        await client.set(keys.heartbeat(name), value, px=60_000)
    await client.sadd(keys.SESSIONS, *values, b"\xff")
    await until.true(lambda: len(audience.status.get("workers") or []) == 5)
    alive = [worker["alive"] for worker in audience.status["workers"]]
    assert alive == [True, True, True, True, False]


async def test_a_vote_that_moves_between_lists_is_counted_once(
    client: Client, stores: store.Stores
) -> None:
    await client.rpush(keys.VOTES, b"x")
    # With a timeout, redis-py sends through asyncio.wait_for(), which loses some cancellations in
    # Python 3.11.
    other = redis.asyncio.Redis.from_url(stores.redis_url, socket_timeout=None)
    heard = Heartbeats(other, OWN)
    audience = Audience()
    looking = Pipeline(other, Dependency("redis", ""), Poll("?", {}), heard, audience)
    following = asyncio.create_task(looking.follow(0.002))
    looks: list[Snapshot] = []
    for number in range(100):
        worker = f"w{number // 10}"  # its first claim comes right after its registration
        audience.note()
        if number % 10 == 0:
            await client.sadd(keys.SESSIONS, worker)
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
    client: Client, stores: store.Stores
) -> None:
    other = Client.from_url(stores.redis_url, socket_timeout=None)
    state = Dependency("redis", "")
    heard = Heartbeats(other, OWN)
    audience = Audience()
    looking = Pipeline(other, state, Poll("?", {}), heard, audience)
    for name in ("w1", "w2"):
        await beating.session(client, f"{name}-1", {"replica": name})
    looks: list[tuple[int, Snapshot]] = []

    def is_vote_page_missed() -> bool:
        audience.note()
        if looking.latest:
            looks.append((milliseconds(), looking.latest))
        return looking.replicas.is_available("vote") is False

    async with (
        other,
        background(heard.follow(), looking.follow(0.05, grace=1.0)),
        heartbeats.sent(client, "result", "r1"),
    ):
        async with heartbeats.sent(client, "vote", "v1"):
            await until.true(lambda: looking.replicas.is_available("vote") is True)
            await stores.redis.pause()
        audience.note()
        await until.true(lambda: state.state == "unavailable" and looking.latest is None)
        await stores.redis.resume()
        await client.delete(keys.heartbeat("w2-1"))
        await until.true(is_vote_page_missed)
    certain_from = looks[0][0] + 700
    early = [look for at, look in looks if at < certain_from]
    assert all(each.alive for look in early for each in look.sessions or [])
    assert (looking.replicas.known["vote", "v1"].gone_since or 0) >= certain_from
    assert [each.alive for each in looks[-1][1].sessions or []] == [True, False]


async def test_while_nobody_watches_redis_is_read_less_often(
    result_url: str, client: Client
) -> None:
    async def looks() -> int:
        statistics = await client.info("commandstats")
        return int(statistics.get("cmdstat_exec", {"calls": 0})["calls"])

    async def next_look() -> float:
        before = await looks()

        async def is_over() -> bool:
            return await looks() > before

        await until.true(is_over)
        return time.monotonic()

    first = await next_look()
    assert await next_look() - first > 0.8 * IDLE_INTERVAL
    async with listener.opened(result_url):
        await next_look()
        first = await next_look()
        assert await next_look() - first < 0.5 * IDLE_INTERVAL
