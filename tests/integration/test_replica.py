"""Each replica publishes a heartbeat while it lives, and says its version everywhere."""

import asyncio
import json
import socket
from typing import Any

import asyncpg
import pytest
import redis.asyncio
from prometheus_client import Counter
from pydantic import SecretStr

from common import keys
from common.ballot import Ballot, encode
from common.clock import microseconds, milliseconds
from common.replica import GOODBYE_TTL, Heartbeat, Identity, Replica, read_heartbeats
from tests import served, store, until
from tests.integration import listener
from tests.integration.visitor import Visitor
from tests.service import Services
from vote.app import create_app
from vote.settings import Settings

Client = redis.asyncio.Redis
NAME = socket.gethostname()


async def read(client: Client, service: str, name: str = NAME) -> dict[str, Any]:
    value = await client.get(keys.replica(f"{service}:{name}"))
    return json.loads(value) if value else {}


async def appears(client: Client, service: str, name: str = NAME) -> dict[str, Any]:
    async def is_there() -> bool:
        return bool(await read(client, service, name))

    await until.true(is_there)
    return await read(client, service, name)


async def test_a_heartbeat_lives_as_long_as_the_replica(
    client: Client, stores: store.Stores
) -> None:
    settings = Settings(redis_url=SecretStr(stores.redis_url), app_version="0.2.0-green")
    before = milliseconds()
    async with served.opened(create_app(settings)):
        beat = await appears(client, "vote")
        assert before <= beat.pop("started_at") <= milliseconds()
        assert beat == {
            "service": "vote",
            "name": NAME,
            "version": "0.2.0-green",
            "state": "idle",
            "rate": 0.0,
            "faults": [],
            "refused": 0,
            "browsers": None,
            "commits": None,
            "last_commit": None,
            "lags": [],
        }
        assert 0 < await client.pttl(keys.replica(f"vote:{NAME}")) <= keys.REPLICA_TTL
        assert await client.smembers(keys.REPLICAS) == {f"vote:{NAME}".encode()}
    assert await client.pttl(keys.replica(f"vote:{NAME}")) <= GOODBYE_TTL  # negative: it is gone


async def test_the_rate_of_votes(guest: Visitor, client: Client) -> None:
    await appears(client, "vote")
    for _ in range(10):
        await guest.vote("a")

    async def works() -> bool:
        beat = await read(client, "vote")
        return bool(beat["state"] == "working" and 0 < beat["rate"] <= 20)

    await until.true(works)

    async def rests() -> bool:
        beat = await read(client, "vote")
        return bool(beat["state"] == "idle" and beat["rate"] == 0)

    await until.true(rests)


async def test_a_worker_publishes_its_work(
    client: Client, stores: store.Stores, services: Services, tables: asyncpg.Connection
) -> None:
    worker = await services.ready("worker", WORKER_NAME="w1", **stores.environment)
    await appears(client, "worker", "w1")
    async with tables.transaction():
        await tables.execute("LOCK votes IN EXCLUSIVE MODE")
        await client.rpush(keys.VOTES, encode(Ballot("1", "a", microseconds() - 2_000_000)))

        async def works() -> bool:
            return bool((await read(client, "worker", "w1"))["state"] == "working")

        await until.true(works)

    async def has_lag() -> bool:
        return bool((await read(client, "worker", "w1"))["lags"])

    await until.true(has_lag)
    beat = await read(client, "worker", "w1")
    (lag,) = beat["lags"]
    assert 2_000 <= lag < 10_000
    assert beat["rate"] > 0
    assert beat["commits"] > 0
    await worker.kill()

    async def is_removed() -> bool:
        return not await client.exists(keys.replica("worker:w1"))

    await until.true(is_removed)


async def test_heartbeats_go_on_when_redis_is_full(
    vote_url: str, client: Client, stores: store.Stores
) -> None:
    await appears(client, "vote")
    async with store.full(client):
        await client.pexpire(keys.replica(f"vote:{NAME}"), 1_000)

        async def is_renewed() -> bool:
            return bool(await client.pttl(keys.replica(f"vote:{NAME}")) > 1_000)

        await until.true(is_renewed)


async def test_heartbeats_survive_an_outage_of_redis(
    guest: Visitor, client: Client, stores: store.Stores
) -> None:
    await appears(client, "vote")
    await stores.redis.stop()
    assert (await guest.vote("a")).status == 503
    await stores.redis.start()
    await until.true(guest.is_available)  # it has read its data
    await client.connection_pool.disconnect()  # from before the outage
    await client.delete(keys.replica(f"vote:{NAME}"))
    await appears(client, "vote")
    assert (await guest.vote("a")).status == 303


async def test_heartbeats_of_other_programs_do_no_harm(client: Client) -> None:
    replica = Replica(
        client, Identity("vote", "v1", "1"), Counter("work", "Work.", registry=None), Heartbeat
    )
    publishing = asyncio.create_task(replica.publish())
    for name, value in {"2": b"[]", "3": b"\xff", "4": b'{"name": 4}'}.items():
        await client.set(keys.replica(f"vote:{name}"), value)
        await client.sadd(keys.REPLICAS, f"vote:{name}")
    await client.sadd(keys.REPLICAS, b"\xff", "")
    await appears(client, "vote", "v1")
    assert [each.name for each in await read_heartbeats(client)] == ["v1"]
    publishing.cancel()


@pytest.mark.parametrize("service", ["vote", "result"])
async def test_each_answer_names_its_replica(service: str, vote_url: str, result_url: str) -> None:
    url = {"vote": vote_url, "result": result_url}[service]
    for path in ("/", "/healthz", "/nothing"):
        _, headers, _ = await listener.get(url, path)
        assert headers["x-served-by"] == NAME
        assert headers["x-version"]
    _, headers, page = await listener.get(url, "/")
    served_by = f"{NAME}, {headers['x-version']}"
    assert served_by in page
    metrics = (await listener.get(url, "/metrics"))[2]
    assert f'build_info{{version="{headers["x-version"]}"}} 1.0' in metrics
