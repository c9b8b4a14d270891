"""The consumer in a worker: what it claims, what it reports and how it recovers."""

import asyncio
import json
import secrets
from functools import partial

import asyncpg
from redis.asyncio import Redis

from common import redis_client
from common.clock import microseconds
from common.dependency import Dependency
from common.queue import keys
from common.queue.message import Ballot, Letter, encode
from common.queue.session import MAX_DEAD, Session
from tests import heartbeats, until
from tests.integration import account, working
from tests.service import Services
from tests.store import Stores
from worker.batch import MAX_SHOWN
from worker.consumer import Consumer
from worker.metrics import Metrics
from worker.store import Store

BATCH = 4


async def sessions(client: Redis) -> set[str]:
    """The names of those that are alive; none while Redis is unavailable."""
    try:
        found = [name.decode() async for name in client.scan_iter(match=keys.heartbeat("*"))]
        return {name.removeprefix(keys.heartbeat("")) for name in found}
    except redis_client.UNAVAILABLE:
        return set()


async def test_after_each_restart_of_redis_there_is_one_new_session(
    stores: Stores, client: Redis
) -> None:
    settings = working.settings(stores)
    table = Store(settings, migrate=True)
    consumer = Consumer(
        settings,
        table,
        Metrics(),
        Dependency("redis", ""),
        # No session expires by itself.
        lambda client: Session(client, secrets.token_hex(3), "worker", ttl=60_000),
    )
    seen: set[str] = set()

    async def is_back() -> bool:
        found = await sessions(client)
        # Only a command that waits for its answer notices that Redis is killed.
        is_waiting = (await client.info("clients"))["blocked_clients"] == 1
        return len(found) == 1 and not found & seen and is_waiting

    running = asyncio.create_task(consumer.run(stable=0.0))
    for _ in range(4):
        await until.true(is_back)
        seen |= await sessions(client)
        await stores.redis.kill()
        await stores.redis.start()
    await until.true(is_back)
    await consumer.stop()
    running.cancel()
    await asyncio.wait({running})
    table.close()
    assert not await sessions(client)


async def test_the_next_batch_is_claimed_while_a_full_one_is_committed(
    stores: Stores, client: Redis
) -> None:
    votes = [encode(Ballot(f"voter-{n}", "a", n)) for n in range(3 * BATCH)]

    async def lengths() -> tuple[int, int]:
        (name,) = await sessions(client)
        return await client.llen(keys.claimed(name)), await client.llen(keys.VOTES)

    async def has_claimed() -> bool:
        return await lengths() == (2 * BATCH, BATCH)

    async def are_stored() -> bool:
        return await lengths() == (0, 0)

    async with heartbeats.heard(client) as heard, working.opened(stores, BATCH):
        await stores.postgres.stop()
        await client.rpush(keys.VOTES, *votes)
        await until.true(has_claimed)
        await until.true(
            lambda: [each.state for each in heard.values()] == ["waiting for postgres"]
        )
        await stores.postgres.start()
        await until.true(are_stored)


async def test_a_vote_from_the_future_can_be_changed(
    stores: Stores, client: Redis, tables: asyncpg.Connection
) -> None:
    async def is_stored(letter: Letter) -> bool:
        return dict(await tables.fetch("SELECT id, vote FROM votes")) == {"1": letter}

    year_2100 = 4_102_444_800_000_000
    async with working.opened(stores):
        await client.rpush(keys.VOTES, encode(Ballot("1", "a", year_2100)))
        await until.true(partial(is_stored, "a"))
        await client.rpush(keys.VOTES, encode(Ballot("1", "b", microseconds())))
        await until.true(partial(is_stored, "b"))


async def test_the_newest_dead_letters_are_kept_with_their_beginning(
    stores: Stores, client: Redis
) -> None:
    messages = [b"%d%b" % (number, b"x" * 2 * MAX_SHOWN) for number in range(MAX_DEAD + 5)]
    await client.rpush(keys.VOTES, *messages)

    async def are_kept() -> bool:
        return await client.llen(keys.DEAD) == MAX_DEAD

    async with working.opened(stores, len(messages)):
        await until.true(are_kept)
    letters = [json.loads(letter) for letter in await client.lrange(keys.DEAD, 0, -1)]
    kept = [message[:MAX_SHOWN].decode() for message in messages[-MAX_DEAD:]]
    assert [each["message"] for each in letters] == kept[::-1]
    assert all(each["reason"] for each in letters)


async def test_an_outage_is_logged_once_and_reported(
    stores: Stores, services: Services, client: Redis
) -> None:
    async with account.opened(client, "~*", "+@all") as user:
        environment = {**stores.environment, **user, "REDIS_PASSWORD": "wrong"}
        worker = services.start("worker", "--no-migrate", **environment)

        async def are_reported() -> bool:
            if not await worker.get("/readyz"):
                return False
            states = json.loads(await worker.text("/readyz"))["dependencies"].values()
            return all(state["state"] == "unavailable" and state["reason"] for state in states)

        await until.true(are_reported, what=lambda: worker.log)
        assert await worker.get("/readyz") == 503
        assert await worker.get("/healthz") == 200
        assert worker.log.count("unavailable, retrying") == 2
        assert await worker.terminate() == 0
