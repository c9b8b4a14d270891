"""The secret that signs voter ids: replicas agree on it through Redis."""

from typing import Any

import redis.asyncio

from common.queue import keys
from tests import store, until
from tests.integration import visitor
from vote.voter_id import SECRET_BYTES, VOTER_COOKIE, VoterIds

Client = redis.asyncio.Redis


async def test_replicas_agree(client: Client) -> None:
    first, second = VoterIds(), VoterIds()
    await first.agree(client)
    await second.agree(client)
    assert second.verify(first.sign("1234")) == "1234"
    assert first.verify(second.sign("5678")) == "5678"
    assert await client.strlen(keys.COOKIE_SECRET) == 2 * SECRET_BYTES  # hexadecimal digits


async def test_replicas_that_start_at_once_agree(client: Client, stores: store.Stores) -> None:
    first, second = VoterIds(), VoterIds()

    class Late(redis.asyncio.Redis):
        async def set(self, *arguments: Any, **options: Any) -> Any:
            await first.agree(client)  # since this replica has found no secret
            return await super().set(*arguments, **options)

    async with Late.from_url(stores.redis_url) as late:
        await second.agree(late)
    assert second.verify(first.sign("1234")) == "1234"
    assert first.verify(second.sign("5678")) == "5678"


async def test_the_secret_survives_the_loss_of_all_data(client: Client) -> None:
    voter_ids, newcomer = VoterIds(), VoterIds()
    await voter_ids.agree(client)
    before = voter_ids.sign("1234")
    await client.flushall()
    await voter_ids.agree(client)
    await newcomer.agree(client)
    assert voter_ids.verify(before) == newcomer.verify(before) == "1234"


async def test_after_a_rotation_earlier_cookies_stay_valid(client: Client) -> None:
    voter_ids, other = VoterIds(), VoterIds()
    await voter_ids.agree(client)
    before = voter_ids.sign("1234")
    await client.flushall()
    await other.agree(client)
    await voter_ids.agree(client)
    assert voter_ids.verify(before) == "1234"
    assert other.verify(before) is None
    assert other.verify(voter_ids.sign("1234")) == "1234"


async def test_a_vote_renews_the_cookie_of_an_earlier_secret(
    guest: visitor.Visitor, client: Client
) -> None:
    await guest.vote("a")
    voter_id = guest.cookies[VOTER_COOKIE].partition(".")[0]
    await client.set(keys.COOKIE_SECRET, "another secret of the tests")
    other = VoterIds()
    await other.agree(client)

    async def is_renewed() -> bool:
        await guest.vote("b")
        return other.verify(guest.cookies[VOTER_COOKIE]) == voter_id

    await until.true(is_renewed)


async def test_a_configured_secret_does_not_reach_redis(client: Client) -> None:
    await VoterIds("a secret of the tests, long enough").agree(client)
    assert await client.dbsize() == 0
