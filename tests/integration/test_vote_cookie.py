"""The cookies that make a browser one voter and mark the voter's choice."""

import re

import pytest
import redis.asyncio
from pydantic import SecretStr

from tests import served, store
from tests.integration import visitor
from tests.integration.visitor import Visitor
from vote.app import create_app
from vote.settings import Settings
from vote.voter_id import CHOICE_COOKIE, VOTER_COOKIE, VoterIds

Client = redis.asyncio.Redis
VOTER_ID = "0123456789abcdef0123456789abcdef"


async def voter_ids(client: Client) -> list[str]:
    return [ballot["voter_id"] for ballot in await visitor.ballots(client)]


async def test_the_page_creates_the_voter_who_votes(guest: Visitor, client: Client) -> None:
    page = await guest.get()
    assert page.set_cookies.keys() == {VOTER_COOKIE}
    voter_id = guest.cookies[VOTER_COOKIE].partition(".")[0]
    assert re.fullmatch("[0-9a-f]{32}", voter_id)
    assert (await guest.get()).set_cookies == {}  # it is known now
    assert (await guest.vote("a")).set_cookies.keys() == {CHOICE_COOKIE}
    assert (await guest.tap("b")).set_cookies.keys() == {CHOICE_COOKIE}
    assert (await guest.call("a")).set_cookies.keys() == {CHOICE_COOKIE}
    assert await voter_ids(client) == [voter_id] * 3


async def test_each_browser_is_a_voter(vote_url: str, client: Client) -> None:
    for _ in range(2):
        async with visitor.opened(vote_url) as guest:
            await guest.vote("a")
    assert len(set(await voter_ids(client))) == 2


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_the_attributes_of_the_cookies(guest: Visitor, scheme: str) -> None:
    headers = {"x-forwarded-proto": scheme}
    answer = await guest.vote("a", headers=headers)
    assert answer.set_cookies.keys() == {VOTER_COOKIE, CHOICE_COOKIE}
    for cookie in answer.set_cookies.values():
        attributes = set(cookie.lower().split("; ")[1:])
        assert {"httponly", "samesite=lax", "path=/", f"max-age={365 * 24 * 3600}"} <= attributes
        assert ("secure" in attributes) is (scheme == "https")


async def test_a_forged_cookie_makes_a_new_voter(guest: Visitor, client: Client) -> None:
    cookie = VoterIds("another secret of the tests").sign(VOTER_ID)
    guest.set_cookies(**{VOTER_COOKIE: cookie, CHOICE_COOKIE: "a"})
    page = await guest.get()
    assert page.pressed is None
    # The choice is that of another voter.
    assert page.set_cookies.keys() == {VOTER_COOKIE, CHOICE_COOKIE}
    assert "Max-Age=0" in page.set_cookies[CHOICE_COOKIE]
    guest.set_cookies(**{VOTER_COOKIE: cookie})
    assert (await guest.vote("a")).status == 303
    (voter_id,) = await voter_ids(client)
    assert voter_id != VOTER_ID
    assert guest.cookies[VOTER_COOKIE].startswith(voter_id)


async def test_a_choice_in_another_poll_is_not_marked(guest: Visitor, stores: store.Stores) -> None:
    settings = Settings(redis_url=SecretStr(stores.redis_url), options={"a": "Tea", "b": "Coffee"})
    await guest.vote("a")
    assert (await guest.get()).pressed == "a"
    async with served.opened(create_app(settings)) as url, visitor.opened(url) as same:
        same.set_cookies(**guest.cookies)
        page = await same.get()
    assert page.pressed is None
    assert page.set_cookies == {}  # the voter is the same
