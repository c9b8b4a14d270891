"""Each service does its work with the rights that Compose gives it in Redis, and has no others."""

import datetime
import re
import socket

import asyncpg
import pytest
import redis.exceptions
from pydantic import SecretStr
from redis.asyncio import Redis

from common.queue import keys
from common.queue.message import Ballot, encode
from result.app import create_app as create_result
from result.settings import Settings as ResultSettings
from tests import heartbeats, served, until
from tests.integration import account, listener, visitor
from tests.service import ROOT, Services
from tests.store import Stores
from vote.app import create_app as create_vote
from vote.settings import Settings as VoteSettings

NAME = socket.gethostname()
USERS = (ROOT / "compose" / "users.acl").read_text()


def rules(name: str) -> list[str]:
    """Return the rules of a user without the password. Parentheses enclose one rule."""
    (line,) = re.findall(rf"^user {name} on #\S+ (.*)$", USERS, re.MULTILINE)
    return re.findall(r"\(.*?\)|\S+", line)


@pytest.mark.parametrize(
    "closes_at", [None, datetime.datetime.max.replace(year=2100, tzinfo=datetime.UTC)]
)
async def test_vote(client: Redis, stores: Stores, closes_at: datetime.datetime | None) -> None:
    async with account.opened(client, *rules("vote")) as user:
        settings = VoteSettings(
            redis_url=SecretStr(user["REDIS_URL"]),
            redis_password=SecretStr(user["REDIS_PASSWORD"]),
            cookie_secret=SecretStr("a secret of the tests, long enough"),
            poll_closes_at=closes_at,
        )
        async with (
            heartbeats.heard(client) as heard,
            served.opened(create_vote(settings)) as url,
            visitor.opened(url) as guest,
        ):
            assert (await guest.vote("a")).status == 303
            await until.true(lambda: ("vote", NAME) in heard)
            await until.true(guest.is_available)
    assert await client.llen(keys.VOTES) == 1


async def test_vote_has_no_other_rights(client: Redis, stores: Stores) -> None:
    await client.rpush(keys.VOTES, "x")
    async with (
        account.opened(client, *rules("vote")) as user,
        Redis.from_url(user["REDIS_URL"], password=user["REDIS_PASSWORD"]) as limited,
    ):
        for forbidden in (
            limited.lrange(keys.VOTES, 0, -1),
            limited.delete(keys.VOTES),
            limited.flushall(),
            limited.set(keys.CHECK, "x"),
            limited.publish("other", "x"),
            limited.hset(keys.FAULTS, "x", "y"),
            limited.set(keys.RESET, "x"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                await forbidden
        with pytest.raises(redis.exceptions.ResponseError, match="ACL failure in script"):
            await limited.eval("return redis.call('LRANGE', KEYS[1], 0, -1)", 1, keys.VOTES)
    assert await client.llen(keys.VOTES) == 1


async def test_worker(client: Redis, stores: Stores, services: Services) -> None:
    await client.sadd(keys.SESSIONS, "dead")
    await client.rpush(keys.claimed("dead"), '{"voter_id": "1", "vote": "a"}')
    await client.rpush(keys.VOTES, b"no ballot", b"x" * 10_000)
    async with account.opened(client, *rules("worker")) as user, heartbeats.heard(client) as heard:
        worker = await services.ready("tests.worker", "--name=w1", **stores.environment | user)
        await client.rpush(keys.VOTES, encode(Ballot("2", "b", 1)))

        async def committed() -> bool:
            return "worker_ballots_committed_total 2.0" in await worker.text("/metrics")

        await until.true(committed, what=lambda: worker.log)
        await until.true(lambda: ("worker", "w1") in heard)
        assert await worker.terminate() == 0
    assert await client.llen(keys.DEAD) == 2
    assert "unavailable" not in worker.log
    assert not await client.exists(keys.SESSIONS)


async def test_result(client: Redis, stores: Stores, tables: asyncpg.Connection) -> None:
    await client.sadd(keys.SESSIONS, "w1")
    await client.set(keys.heartbeat("w1"), b"{}", ex=60)
    await client.rpush(keys.claimed("w1"), b"x")
    async with account.opened(client, *rules("result")) as user:
        settings = ResultSettings(
            database_url=SecretStr(stores.database_url),
            redis_url=SecretStr(user["REDIS_URL"]),
            redis_password=SecretStr(user["REDIS_PASSWORD"]),
        )
        async with (
            served.opened(create_result(settings)) as url,
            listener.opened(url, ("pipeline", "system"), page="system") as audience,
        ):
            await until.true(
                lambda: audience.status.get("claimed") == 1, 10, lambda: audience.status
            )
            assert audience.status["workers"][0]["name"] == "w1"

            def names() -> list[str]:
                heard = audience.of("system")
                return [each["name"] for each in heard[-1].content["replicas"]] if heard else []

            await until.true(lambda: names() == [NAME])


@pytest.mark.parametrize(
    ("name", "key", "allowed", "forbidden"),
    [
        ("worker", keys.RESET, ["BLPOP"], ["GET", "SET", "LPUSH", "PEXPIRE", "DEL"]),
        ("worker", keys.FAULTS, ["HGETALL", "HDEL"], ["DEL", "HSET"]),
        ("result", keys.RESET, ["RPUSH", "EXPIRE"], ["GET", "SET", "DEL", "BLPOP"]),
        ("result", keys.FAULTS, ["HGETALL", "HSET", "DEL", "EXPIRE"], ["HDEL", "GET"]),
    ],
)
async def test_a_user_has_the_rights_on_a_key_that_its_service_uses(
    client: Redis, name: str, key: str, allowed: list[str], forbidden: list[str]
) -> None:
    arguments = {"DEL": 0, "GET": 0, "HGETALL": 0, "HSET": 2}  # of all others: 1

    async def is_allowed(command: str) -> bool:
        rest = ["1"] * arguments.get(command, 1)
        answer = await client.acl_dryrun("tester", command, key, *rest)
        return bool(answer in (b"OK", "OK", True))

    async with account.opened(client, *rules(name)):
        assert {each for each in (*allowed, *forbidden) if await is_allowed(each)} == set(allowed)
