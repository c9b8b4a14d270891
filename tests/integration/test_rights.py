"""Each service does its work with the rights that Compose gives it in Redis, and has no others."""

import pathlib
import re
import typing

import asyncpg
import pytest
import redis.asyncio
import redis.exceptions

import result.app
import result.settings
import vote.app
import vote.settings
from common import keys
from tests import served, service, store, until
from tests.integration import account, listener, visitor

USERS = pathlib.Path(service.ROOT, "compose", "users.acl").read_text()
Client = redis.asyncio.Redis


def rules(name: str) -> list[str]:
    """The rules of a user but for the password; what is in parentheses is one rule."""
    (line,) = re.findall(rf"^user {name} on #\S+ (.*)$", USERS, re.MULTILINE)
    return re.findall(r"\(.*?\)|\S+", line)


def as_vote(stores: store.Stores, user: dict[str, str]) -> vote.settings.Settings:
    """The settings of vote as that user of Redis."""
    return vote.settings.Settings.model_validate(
        {
            "redis_url": stores.redis_url,
            "cookie_secret": "a secret of the tests, long enough",
            **{name.lower(): value for name, value in user.items()},
        }
    )


async def test_vote(client: Client, stores: store.Stores) -> None:
    async with (
        account.opened(client, *rules("vote")) as user,
        served.opened(vote.app.create_app(as_vote(stores, user))) as url,
        visitor.opened(url) as guest,
    ):
        assert (await guest.vote("a")).status == 303

        async def lives() -> bool:
            return bool(await client.exists(keys.VOTE_PAGE))

        await until.true(lives)
    assert len(await visitor.ballots(client)) == 1


async def test_a_vote_page_that_may_not_show_that_it_lives(
    client: Client, stores: store.Stores
) -> None:
    but_that = [rule for rule in rules("vote") if keys.VOTE_PAGE not in rule]
    async with (
        account.opened(client, *but_that) as user,
        served.opened(vote.app.create_app(as_vote(stores, user))) as url,
        visitor.opened(url) as guest,
    ):
        assert (await guest.vote("a")).status == 303
        assert (await guest.get("/readyz")).status == 200
        assert not await client.exists(keys.VOTE_PAGE)


async def test_a_password_that_becomes_wrong_while_it_runs(
    client: Client, stores: store.Stores
) -> None:
    """Waiting does not help, and another start may: so its liveness probe fails, and says why."""
    order = typing.cast("typing.Any", client).execute_command
    async with account.opened(client, *rules("vote")) as user:
        name, password = user["REDIS_USERNAME"], user["REDIS_PASSWORD"]
        async with (
            served.opened(vote.app.create_app(as_vote(stores, user))) as url,
            visitor.opened(url) as guest,
        ):

            async def lives() -> bool:
                return (await guest.get("/healthz")).status == 200

            async def must_start_anew() -> bool:
                return not await lives()

            assert await lives()
            await order("ACL", "SETUSER", name, "resetpass", ">another")
            await order("CLIENT", "KILL", "USER", name)
            await until.true(must_start_anew, 10)
            told = (await guest.get("/healthz")).text
            assert told.startswith("redis refuses the credentials ("), told
            assert (await guest.vote("a")).status == 503
            await order("ACL", "SETUSER", name, f">{password}")
            await until.true(lives, 10)
            assert (await guest.vote("a")).status == 303


async def test_vote_cannot_read_or_delete_votes(client: Client, stores: store.Stores) -> None:
    await client.rpush(keys.VOTES, "x")
    async with (
        account.opened(client, *rules("vote")) as user,
        Client.from_url(
            stores.redis_url, username=user["REDIS_USERNAME"], password=user["REDIS_PASSWORD"]
        ) as limited,
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            await limited.lrange(keys.VOTES, 0, -1)
        with pytest.raises(redis.exceptions.NoPermissionError):
            await limited.delete(keys.VOTES)
        with pytest.raises(redis.exceptions.NoPermissionError):
            await limited.flushall()
    assert await client.llen(keys.VOTES) == 1


async def test_result(client: Client, stores: store.Stores, tables: asyncpg.Connection) -> None:
    await client.sadd(keys.WORKERS, "w1")
    await client.set(keys.heartbeat("w1"), b"{}", ex=5)
    await client.rpush(keys.claimed("w1"), b"x")
    await client.set(keys.VOTE_PAGE, "replica-7", ex=5)
    async with account.opened(client, *rules("result")) as user:
        configured = result.settings.Settings.model_validate(
            {
                "database_url": stores.database_url,
                "redis_url": stores.redis_url,
                **{name.lower(): value for name, value in user.items()},
            }
        )
        async with (
            served.opened(result.app.create_app(configured)) as url,
            listener.opened(url) as audience,
        ):
            await until.true(
                lambda: audience.status.get("claimed") == 1, 10, lambda: audience.status
            )
            assert audience.status["workers"][0]["name"] == "w1"
            assert audience.status["vote_page"] is True


async def test_result_goes_on_without_a_redis_that_refuses_it(
    client: Client, services: service.Services, stores: store.Stores, tables: asyncpg.Connection
) -> None:
    """It is one store for the strip alone: the numbers are shown, and the strip says what is so."""
    await tables.execute("INSERT INTO votes VALUES ('v', 'a')")
    async with account.opened(client, *rules("result")) as user:
        user = user | {"REDIS_PASSWORD": "a wrong one"}
        started = await services.ready(
            "result", DATABASE_URL=stores.database_url, REDIS_URL=stores.redis_url, **user
        )
        async with listener.opened(started.url) as audience:
            await until.true(
                lambda: audience.status["redis"].get("refused"), 10, lambda: audience.status
            )
            assert audience.scores == {"a": 1, "b": 0}
        assert await started.get("/healthz") == 200
