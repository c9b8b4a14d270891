"""Each replica publishes a heartbeat while it lives, and says its version everywhere."""

import socket
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
import redis.asyncio
from prometheus_client import Counter
from pydantic import SecretStr

from common.background import background
from common.clock import microseconds, milliseconds
from common.queue import keys
from common.queue.message import Ballot, encode
from common.replica import GONE, Heartbeat, Identity, Replica, channel
from tests import address, fail_over, heartbeats, served, store, until
from tests.heartbeats import Heard
from tests.integration import listener
from tests.integration.visitor import Visitor
from tests.service import Services
from vote.app import create_app
from vote.settings import Settings

Client = redis.asyncio.Redis
NAME = socket.gethostname()


@pytest.fixture
async def heard(client: Client) -> AsyncIterator[Heard]:
    """The newest heartbeat of each replica."""
    async with heartbeats.heard(client) as newest:
        yield newest


async def test_a_replica_says_that_it_lives_and_that_it_has_gone(
    heard: Heard, client: Client, stores: store.Stores
) -> None:
    settings = Settings(redis_url=SecretStr(stores.redis_url), app_version="0.2.0-green")
    before = milliseconds()
    async with served.opened(create_app(settings)):
        await until.true(lambda: ("vote", NAME) in heard)
        heartbeat = msgspec.to_builtins(heard["vote", NAME])
        assert before <= heartbeat.pop("started_at") <= milliseconds()
        assert heartbeat == {
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
        assert await client.keys() == [keys.COOKIE_SECRET.encode()]  # nothing else is stored
    await until.true(lambda: heard["vote", NAME].state == GONE)


async def test_the_rate_of_votes(guest: Visitor, heard: Heard) -> None:
    await until.true(lambda: ("vote", NAME) in heard)
    for _ in range(10):
        await guest.vote("a")

    def works() -> bool:
        heartbeat = heard["vote", NAME]
        return heartbeat.state == "working" and 0 < heartbeat.rate <= 20

    await until.true(works)
    await until.true(lambda: (heard["vote", NAME].state, heard["vote", NAME].rate) == ("idle", 0))


async def test_a_worker_publishes_its_work(
    heard: Heard,
    client: Client,
    stores: store.Stores,
    services: Services,
    tables: asyncpg.Connection,
) -> None:
    await services.ready("tests.worker", "--name=w1", **stores.environment)
    await until.true(lambda: ("worker", "w1") in heard)
    async with tables.transaction():
        await tables.execute("LOCK votes IN EXCLUSIVE MODE")
        await client.rpush(keys.VOTES, encode(Ballot("1", "a", microseconds() - 2_000_000)))
        await until.true(lambda: heard["worker", "w1"].state == "working")
    await until.true(lambda: bool(heard["worker", "w1"].lags))
    heartbeat = heard["worker", "w1"]
    (lag,) = heartbeat.lags
    assert 2_000 <= lag < 10_000
    assert heartbeat.rate > 0
    assert heartbeat.commits
    assert heartbeat.commits > 0


async def test_heartbeats_go_on_when_redis_is_full(
    vote_url: str, heard: Heard, client: Client
) -> None:
    await until.true(lambda: ("vote", NAME) in heard)
    async with store.full(client):
        heard.clear()
        await until.true(lambda: ("vote", NAME) in heard)


async def test_heartbeats_survive_an_outage_of_redis(
    guest: Visitor, heard: Heard, stores: store.Stores
) -> None:
    await until.true(lambda: ("vote", NAME) in heard)
    await stores.redis.stop()
    assert (await guest.vote("a")).status == 503
    heard.clear()
    await stores.redis.start()
    await until.true(lambda: ("vote", NAME) in heard)
    await until.true(guest.is_available)  # Redis has read its data
    assert (await guest.vote("a")).status == 303


async def test_replicas_without_an_audience_find_the_new_primary(
    client: Client, stores: store.Stores
) -> None:
    with fail_over.valkey() as url:
        async with (
            address.opened(stores.redis_url) as moving,
            Client.from_url(moving.url) as other,
            Client.from_url(url) as promoted,
            heartbeats.heard(promoted) as heard,
            background(replica(other).publish()),
            fail_over.replica(client),
        ):
            await other.ping()  # a connection to the old primary
            moving.target = url
            await until.true(lambda: ("vote", "v1") in heard)


async def test_heartbeats_of_other_programs_do_no_harm(heard: Heard, client: Client) -> None:
    async with background(replica(client).publish()):
        await until.true(lambda: ("vote", "v1") in heard)
        for content in (b"[]", b"\xff", b'{"name": 4}', b""):
            await client.publish(channel(client), content)
        heard.clear()
        await until.true(lambda: bool(heard))
        assert heard.keys() == {("vote", "v1")}


async def test_replicas_in_another_database_are_not_heard(
    heard: Heard, client: Client, stores: store.Stores
) -> None:
    async with (
        Client.from_url(f"{stores.redis_url}?db=1") as other,
        heartbeats.heard(other) as others,
        heartbeats.sent(other, "vote", "other"),
        background(replica(client).publish()),
    ):
        await until.true(lambda: bool(heard and others))
    assert [*heard, *others] == [("vote", "v1"), ("vote", "other")]


def replica(client: Client) -> Replica:
    """Return one that says that it is idle."""
    work = Counter("work", "Work.", registry=None)
    return Replica(client, Identity("vote", "v1", "1"), work, Heartbeat)


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
