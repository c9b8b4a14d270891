"""Vote while Redis is unavailable, full or a replica: no pretended success, and it recovers."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

import pytest
import redis.asyncio
from pydantic import SecretStr

from common.queue import keys
from tests import address, fail_over, served, store, until
from tests.integration import visitor
from tests.integration.visitor import Answer, Visitor
from vote.app import create_app
from vote.settings import Settings
from vote.voter_id import CHOICE_COOKIE, VOTER_COOKIE

Client = redis.asyncio.Redis


async def refused(guest: Visitor, option: str) -> str:
    """Vote in each way, and return the reason of all refusals."""
    form, script, program = await gather(guest.vote(option), guest.tap(option), guest.call(option))
    for each in (form, script, program):
        assert (each.status, each.headers["retry-after"]) == (503, "2")
    reason: str = script.json["reason"]
    assert form.state == program.json["reason"] == reason
    assert form.pressed != option
    return reason


async def gives_reason(guest: Visitor, word: str) -> bool:
    """Return whether the service says with this word why it cannot use Redis."""
    return word in (await guest.redis()).get("reason", "")


async def test_redis_stops_and_starts(guest: Visitor, client: Client, stores: store.Stores) -> None:
    await guest.vote("a")
    await stores.redis.stop()
    await until.true(guest.is_unavailable)
    assert await refused(guest, "b") == "not_taken"
    page = await guest.get()
    assert (page.status, page.state, page.pressed) == (200, "unavailable", "a")
    assert (await guest.get("/healthz")).status == 200
    assert (await guest.get("/readyz")).status == 200  # a page that explains an outage is better
    assert (await guest.redis())["reason"]
    await stores.redis.start()
    await until.true(guest.is_available)
    assert (await guest.get()).state != "unavailable"
    assert (await guest.vote("b")).status == 303
    assert [ballot["vote"] for ballot in await visitor.ballots(client)] == ["a", "b"]


@pytest.mark.parametrize("way", [Visitor.vote, Visitor.tap, Visitor.call])
async def test_redis_hangs(
    guest: Visitor, client: Client, stores: store.Stores, way: Callable[..., Awaitable[Answer]]
) -> None:
    await stores.redis.pause()
    unsure = await way(guest, "a")
    assert unsure.status == 503
    assert (unsure.state if way is Visitor.vote else unsure.json["reason"]) == "unsure"
    assert unsure.set_cookies.keys() == {VOTER_COOKIE}
    await until.true(guest.is_unavailable)
    await stores.redis.resume()
    await until.true(guest.is_available)
    answer = await guest.call("b")
    assert answer.status == 202
    # The vote without an answer was this voter's first, and belongs to the same voter.
    ballots = await visitor.ballots(client)
    assert [ballot["vote"] for ballot in ballots] == ["a", "b"]
    assert len({ballot["voter_id"] for ballot in ballots}) == 1


async def test_after_a_missing_answer_no_choice_is_marked(
    guest: Visitor, stores: store.Stores
) -> None:
    await guest.vote("a")
    await stores.redis.pause()
    answer = await guest.tap("b")
    assert (answer.status, answer.json["reason"]) == (503, "unsure")
    assert "Max-Age=0" in answer.set_cookies[CHOICE_COOKIE]
    assert (await guest.get()).pressed is None
    assert 'vote_ballots_refused_total{reason="unsure"} 1.0' in (await guest.get("/metrics")).text


async def test_redis_is_full(guest: Visitor, client: Client) -> None:
    async with store.full(client):
        await until.true(guest.is_unavailable)
        assert "memory" in (await guest.redis())["reason"]
        assert (await guest.get()).state == "unavailable"
        assert await refused(guest, "a") == "not_taken"
    await until.true(guest.is_available)
    assert (await guest.vote("a")).status == 303
    assert len(await visitor.ballots(client)) == 1


async def test_redis_loses_all_its_data(guest: Visitor, client: Client) -> None:
    await guest.vote("a")
    (before,) = await visitor.ballots(client)
    await client.flushall()
    assert (await guest.vote("b")).status == 303
    (after,) = await visitor.ballots(client)
    assert after["voter_id"] == before["voter_id"]


async def test_the_check_of_redis_writes_nothing(vote_url: str, client: Client) -> None:
    async def checks() -> bool:
        statistics = await client.info("commandstats")
        return bool(statistics.get("cmdstat_rpushx", {"calls": 0})["calls"] >= 3)

    await client.config_resetstat()
    await until.true(checks)
    assert not await client.exists(keys.CHECK)


@pytest.fixture
def other() -> Iterator[str]:
    """The URL of a second Redis."""
    with fail_over.valkey() as url:
        yield url


async def test_votes_go_to_the_new_master(stores: store.Stores, client: Client, other: str) -> None:
    async with (
        address.opened(stores.redis_url) as moving,
        served.opened(create_app(Settings(redis_url=SecretStr(moving.url)))) as vote_url,
        visitor.opened(vote_url) as guest,
        Client.from_url(other) as promoted,
    ):
        await gather(*(guest.vote("a") for _ in range(5)))  # several connections are open
        before = len(await visitor.ballots(client))
        moving.target = other
        async with fail_over.replica(client):

            async def votes() -> bool:
                answer = await guest.call("b")
                assert answer.status == 202 or answer.json["reason"] == "not_taken"
                return answer.status == 202

            await until.true(votes)
            assert (await visitor.ballots(promoted))[-1]["vote"] == "b"
        assert len(await visitor.ballots(client)) == before


async def test_a_replica_without_a_master_is_unavailable(guest: Visitor, client: Client) -> None:
    async with fail_over.replica(client):
        await until.true(partial(gives_reason, guest, "replica"))
        assert await refused(guest, "a") == "not_taken"
    await until.true(guest.is_available)
    assert (await guest.vote("a")).status == 303
