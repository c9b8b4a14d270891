"""The event `system` and the page /system: what they show of replicas that come, work and go."""

import json
import socket
from typing import Any

import asyncpg
import pytest
import redis.asyncio

from common.queue import keys
from common.templating import version_hue
from result.heartbeats import TTL
from tests import heartbeats, store, until
from tests.integration import beating, listener
from tests.integration.listener import Listener, get

Client = redis.asyncio.Redis
NAMES = (*listener.EVENTS, "system")


def newest(wall: Listener) -> dict[str, Any]:
    heard = wall.of("system")
    return heard[-1].content if heard else {}


def replicas(wall: Listener, service: str) -> dict[str, dict[str, Any]]:
    shown = newest(wall).get("replicas", [])
    return {each["name"]: each for each in shown if each["service"] == service}


@pytest.mark.parametrize(
    "transport", ["websocket", pytest.param("polling", marks=pytest.mark.extended)]
)
async def test_only_pages_that_show_it_get_it_at_most_4_times_a_second(
    audience: Listener, client: Client, transport: str
) -> None:
    other: list[Any] = []
    audience.client.on("system", other.append)
    async with listener.opened(audience.url, NAMES, transport, page="system") as wall:
        await until.true(lambda: len(wall.of("system")) >= 6)
        first, *_, last = wall.of("system")
        assert (len(wall.of("system")) - 1) / (last.at - first.at) < 4.5
        assert wall.status
        assert replicas(wall, "result")[socket.gethostname()]["browsers"] in (0, 1, 2)
        await wall.client.disconnect()
    assert not other

    async def calls() -> int:
        statistics = await client.info("commandstats")
        return int(statistics["cmdstat_hgetall"]["calls"])

    await audience.shows(browsers=1)
    beats = len(audience.of("pipeline"))
    await until.true(lambda: len(audience.of("pipeline")) >= beats + 1)
    before = await calls()  # nobody watches any more
    await until.true(lambda: len(audience.of("pipeline")) >= beats + 3)
    assert await calls() == before


async def test_a_replica_appears_and_is_gone(wall: Listener, client: Client) -> None:
    heartbeat = {"state": "working", "rate": 7, "version": "2.0", "faults": ["slow"]}
    async with heartbeats.sent(client, "vote", "v1", **heartbeat):
        await until.true(lambda: "v1" in replicas(wall, "vote"), 2.0)
    assert replicas(wall, "vote")["v1"] == {
        "service": "vote",
        "name": "v1",
        "version": "2.0",
        "started_at": 0,
        "state": "working",
        "rate": 7,
        "faults": ["slow"],
        "gone_since": None,
        "hue": version_hue("2.0"),
        "refused": None,
        "browsers": None,
        "commits": None,
    }
    await until.true(lambda: replicas(wall, "vote")["v1"]["gone_since"] is not None, 5.0)
    gone = replicas(wall, "vote")["v1"]
    assert 0 <= newest(wall)["now"] - gone["gone_since"] < 1_000
    assert gone["rate"] == 0


async def test_what_a_dead_worker_had_claimed(wall: Listener, client: Client) -> None:
    await client.sadd(keys.SESSIONS, "w-1-abcdef", "w-2-abcdef")
    await client.rpush(keys.claimed("w-1-abcdef"), b"1", b"2")
    await client.rpush(keys.claimed("w-1-123456"), b"3")
    await beating.session(client, "w-1-123456", {"replica": "w-1"})
    async with heartbeats.sent(client, "worker", "w-2", commits=2):
        async with heartbeats.sent(client, "worker", "w-1", commits=2):
            await until.true(lambda: newest(wall).get("commits") == 4)
            assert replicas(wall, "worker")["w-1"]["claimed"] == 3
            assert replicas(wall, "worker")["w-2"]["claimed"] == 0
            assert newest(wall)["abandoned"]["w-1"] == 2
            assert newest(wall)["claimed"] == 3
        await until.true(lambda: replicas(wall, "worker")["w-1"]["gone_since"] is not None)
        assert replicas(wall, "worker")["w-1"]["claimed"] == 3
        assert newest(wall)["commits"] == 2
    for session in ("w-1-abcdef", "w-1-123456"):
        while await client.lmove(keys.claimed(session), keys.VOTES):
            pass
    await until.true(lambda: newest(wall)["waiting"] == 3)
    assert replicas(wall, "worker")["w-1"]["claimed"] == 0
    assert newest(wall)["abandoned"]["w-1"] == 0


async def test_latency_is_of_all_workers(wall: Listener, client: Client) -> None:
    await until.true(lambda: bool(newest(wall)))
    assert newest(wall)["latency"] is None
    async with (
        heartbeats.sent(client, "worker", "w1", lags=list(range(1, 100))),
        heartbeats.sent(client, "worker", "w2", lags=[5_000]),
    ):
        await until.true(lambda: newest(wall)["latency"] == {"p50": 51, "p99": 5_000})


async def test_numbers_faults_and_stores(
    wall: Listener, client: Client, tables: asyncpg.Connection
) -> None:
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'b')")
    await client.rpush(keys.DEAD, b"1")
    fault = {"kind": "vote-latency", "service": "vote", "replica": None, "value": 500}
    until_ms = 4_000_000_000_000
    name = "vote-latency:vote:*"
    await client.hset(keys.FAULTS, name, json.dumps(fault | {"until": until_ms}))
    numbers = {"stored": 2, "dead": 1, "waiting": 0, "presenter": False}
    faults = [fault | {"id": name, "until": until_ms}]
    await until.true(lambda: numbers.items() <= newest(wall).items(), what=lambda: newest(wall))
    content = newest(wall)
    assert content["faults"] == faults
    assert content["redis"]["state"] == content["postgres"]["state"] == "available"


async def test_no_replica_is_gone_because_redis_is(wall: Listener, stores: store.Stores) -> None:
    own = socket.gethostname()
    await until.true(lambda: own in replicas(wall, "result"))
    await stores.redis.stop()
    await until.true(lambda: newest(wall)["redis"]["state"] == "unavailable")
    assert own in replicas(wall, "result")
    first = len(wall.heard)
    await stores.redis.start()
    await until.true(lambda: newest(wall)["redis"]["state"] == "available")
    events = len(wall.of("system"))
    await until.true(lambda: len(wall.of("system")) >= events + 8)
    after = [event.content for event in wall.heard[first:] if event.name == "system"]
    assert {each["gone_since"] for content in after for each in content["replicas"]} == {None}


async def test_no_replica_is_gone_because_the_connection_is(wall: Listener, client: Client) -> None:
    own = socket.gethostname()
    async with heartbeats.sent(client, "vote", "v1"):
        await until.true(lambda: own in replicas(wall, "result") and "v1" in replicas(wall, "vote"))
        first = len(wall.heard)
        assert await client.client_kill_filter(_type="pubsub")
        killed = newest(wall)["now"]
        async with heartbeats.sent(client, "vote", "v2"):
            await until.true(lambda: "v2" in replicas(wall, "vote"))
            await until.true(lambda: newest(wall)["now"] > killed + (TTL + 2) * 1000)
    after = [event.content for event in wall.heard[first:] if event.name == "system"]
    assert {each["gone_since"] for content in after for each in content["replicas"]} == {None}


async def test_the_page(result_url: str, client: Client) -> None:
    async def shows_the_replica() -> bool:
        status, headers, text = await get(result_url, "/system")
        assert (status, headers["cache-control"]) == (200, "no-cache, private")
        return all(words in text for words in ("w1", "0.9", ">paused<"))

    async with heartbeats.sent(client, "worker", "w1", version="0.9", state="paused"):
        await until.true(shows_the_replica)
