"""Vote while the memory of Redis is full: away until there is room, and it says so once."""

import pydantic
import pytest
import redis.asyncio
import structlog

import vote.app
import vote.settings
from common import keys
from tests import served, store, until
from tests.integration import visitor
from vote import heartbeat, queue

Client = redis.asyncio.Redis
LOOKS = 5  # of vote at Redis, during which nothing changes


async def looks(client: Client) -> int:
    """How often Redis has refused to take a sign of life."""
    stats = await client.info("commandstats")
    return int(stats.get("cmdstat_set", {}).get("rejected_calls", 0))


async def is_ready(guest: visitor.Visitor, *, so: bool = True) -> bool:
    return ((await guest.get("/readyz")).status == 200) == so


async def shown(guest: visitor.Visitor) -> str:
    """What the page says before somebody votes."""
    return (await guest.get()).text.partition('role="status"')[2].partition("</p>")[0]


async def test_it_is_one_state_that_is_told_once(guest: visitor.Visitor, client: Client) -> None:
    await until.true(lambda: is_ready(guest))
    with structlog.testing.capture_logs() as logged:
        async with store.full(client):
            await until.true(lambda: is_ready(guest, so=False))  # though nobody votes
            until_then = await looks(client) + LOOKS
            while await looks(client) < until_then:
                answer = await guest.send("POST", "/api/votes", json={"vote": "a"})
                assert (answer.status, answer.json["reason"]) == (503, "not_taken")
                assert answer.json["detail"].endswith("NOT taken: the memory of Redis is full")
                state = (await guest.get("/readyz")).json["dependencies"]["redis"]
                assert state["state"] == "away"
                assert state["reason"].startswith("its memory is full: "), state
                assert "Votes cannot be taken right now." in await shown(guest)
        await until.true(lambda: is_ready(guest))  # and again, though nobody votes
    assert "Tap your choice." in await shown(guest)
    assert [line["event"] for line in logged] == ["away, trying again", "reached"]
    assert (await guest.vote("a")).status == 303


async def test_room_for_a_few_votes_is_none_yet(guest: visitor.Visitor, client: Client) -> None:
    """Else it would be back and away again many times a second, at the edge."""
    await until.true(lambda: is_ready(guest))
    answers = set()
    async with store.full(client):
        await until.true(lambda: is_ready(guest, so=False))
        used = (await client.info("memory"))["used_memory"]
        await client.config_set("maxmemory", used + heartbeat.ROOM // 2)
        until_then = await looks(client) + LOOKS
        while await looks(client) < until_then:
            answers.add((await guest.vote("a")).status)
            assert await is_ready(guest, so=False)
        assert 303 in answers
        assert await client.strlen(keys.VOTE_PAGE) < heartbeat.ROOM
    await until.true(lambda: is_ready(guest))


async def test_a_page_that_starts_meanwhile_is_shown(stores: store.Stores, client: Client) -> None:
    configured = vote.settings.Settings(
        redis_url=pydantic.SecretStr(stores.redis_url),
        cookie_secret=pydantic.SecretStr("a secret of the tests, long enough"),
    )
    async with (
        store.full(client),
        served.opened(vote.app.create_app(configured), ready=False) as url,
        visitor.opened(url) as guest,
    ):

        async def has_started() -> bool:
            return (await guest.get("/startz")).status == 200

        await until.true(has_started)
        assert await is_ready(guest, so=False)
        assert (await guest.vote("a")).status == 503
    assert not await client.exists(keys.VOTES)


async def test_too_many_at_once_is_not_taken_for_away(
    guest: visitor.Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until.true(lambda: is_ready(guest))
    monkeypatch.setattr(queue, "MAX_PENDING", 0)
    answer = await guest.send("POST", "/api/votes", json={"vote": "a"})
    assert answer.status == 503
    assert answer.json["detail"] == "the vote was NOT taken: too many votes at once"
    assert await is_ready(guest)
