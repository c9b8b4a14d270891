"""The secret that signs voters: replicas agree on it through Redis."""

import asyncio
import typing

import redis.asyncio

from common import keys
from tests import store
from vote import voter

SECRET = "a secret of the tests, long enough"


async def test_replicas_agree(stores: store.Stores) -> None:
    first, second = voter.Voters(None), voter.Voters(None)
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await first.agree(client)
        await second.agree(client)
        assert second.recognise(first.sign("1234")) == "1234"
        assert first.recognise(second.sign("5678")) == "5678"
        secret = await client.get(keys.COOKIE_SECRET)
        assert isinstance(secret, bytes)
        assert len(bytes.fromhex(secret.decode())) == voter.SECRET_BYTES


class Late(redis.asyncio.Redis):
    """Sets something only when it may."""

    def __init__(self, *arguments: typing.Any, **options: typing.Any) -> None:
        super().__init__(*arguments, **options)
        self.about, self.may = asyncio.Event(), asyncio.Event()

    async def set(self, *arguments: typing.Any, **options: typing.Any) -> typing.Any:
        self.about.set()
        await self.may.wait()
        return await super().set(*arguments, **options)


async def test_replicas_that_start_at_once_agree(stores: store.Stores) -> None:
    first, second = voter.Voters(None), voter.Voters(None)
    async with (
        redis.asyncio.Redis.from_url(stores.redis_url) as client,
        typing.cast("Late", Late.from_url(stores.redis_url)) as late,
    ):
        agreeing = asyncio.create_task(second.agree(late))
        await late.about.wait()  # it has seen that there is no secret
        await first.agree(client)
        late.may.set()
        await agreeing
    assert second.recognise(first.sign("1234")) == "1234"
    assert first.recognise(second.sign("5678")) == "5678"


async def test_voters_stay_known_after_the_secret_is_gone(stores: store.Stores) -> None:
    voters = voter.Voters(None)
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await voters.agree(client)
        before = voters.sign("1234")
        await client.flushall()
        await voters.agree(client)
        newcomer = voter.Voters(None)
        await newcomer.agree(client)
    assert voters.recognise(before) == "1234"
    assert newcomer.recognise(before) == "1234"


async def test_of_two_secrets_the_one_in_redis_signs_and_both_are_recognised(
    stores: store.Stores,
) -> None:
    """Redis lost its data, and another replica was the first to offer a secret."""
    voters, other = voter.Voters(None), voter.Voters(None)
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await voters.agree(client)
        before = voters.sign("1234")
        await client.flushall()
        await other.agree(client)
        await voters.agree(client)
    assert other.recognise(voters.sign("1234")) == "1234"
    assert voters.recognise(before) == "1234"
    assert other.recognise(voters.sign("5678")) == "5678"


async def test_a_configured_secret_is_not_told_to_redis(stores: store.Stores) -> None:
    voters = voter.Voters(SECRET)
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await voters.agree(client)
        assert await client.dbsize() == 0
    assert voters.recognise(voter.Voters(SECRET).sign("1234")) == "1234"
