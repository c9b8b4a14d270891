"""The cookie that makes a browser one voter."""

import re
from collections.abc import AsyncIterator

import multidict
import pydantic
import pytest
import redis.asyncio

from tests import served, store
from tests.integration import visitor
from vote import app, cast, settings, voter

Client = redis.asyncio.Redis
Visitor = visitor.Visitor
HTTPS = {"x-forwarded-proto": "https"}
SECRET = "a secret of the tests, long enough"


async def test_it_is_minted_with_the_page_and_the_vote_is_of_that_voter(
    guest: Visitor, client: Client
) -> None:
    page = await guest.get()
    voter_id = guest.cookies[voter.COOKIE].partition(".")[0]
    assert re.fullmatch("[0-9a-f]{32}", voter_id)
    assert voter.COOKIE in page.set_cookies
    assert (await guest.get()).set_cookies == {}  # known now
    await guest.vote("a")
    assert [cast["voter_id"] for cast in await visitor.ballots(client)] == [voter_id]


@pytest.mark.parametrize("way", visitor.WAYS, ids=["short", "long"])
@pytest.mark.parametrize("headers", [{}, HTTPS], ids=["http", "https"])
async def test_its_attributes(
    guest: Visitor, vote_url: str, headers: dict[str, str], way: dict[str, str]
) -> None:
    vote = await guest.vote("a", headers=headers | way)
    assert vote.set_cookies.keys() == {voter.COOKIE, cast.CHOICE_COOKIE}
    async with visitor.opened(vote_url) as other:
        page = await other.get(headers=headers)
    for cookie in (*page.set_cookies.values(), *vote.set_cookies.values()):
        attributes = set(cookie.lower().split("; ")[1:])
        assert {"httponly", "samesite=lax", "path=/", f"max-age={365 * 24 * 3600}"} <= attributes
        assert ("secure" in attributes) is (headers == HTTPS)


@pytest.mark.parametrize("way", visitor.WAYS, ids=["short", "long"])
async def test_who_has_it_is_not_given_it_again(
    guest: Visitor, client: Client, way: dict[str, str]
) -> None:
    for option in ("a", "b"):
        await guest.get()
        vote = await guest.vote(option, headers=way)
        assert vote.set_cookies.keys() == {cast.CHOICE_COOKIE}
    first, second = await visitor.ballots(client)
    assert first["voter_id"] == second["voter_id"]


@pytest.mark.parametrize(
    "cookie",
    [
        "0123456789abcdef0123456789abcdef",
        "0123456789abcdef0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        voter.Voters("another secret of the tests").sign("0123456789abcdef0123456789abcdef"),
    ],
)
async def test_a_forged_one_makes_a_new_voter(guest: Visitor, client: Client, cookie: str) -> None:
    guest.has_cookie(voter.COOKIE, cookie)
    answer = await guest.vote("a")
    assert answer.status == 303
    (cast,) = await visitor.ballots(client)
    assert not cookie.startswith(cast["voter_id"])
    assert guest.cookies[voter.COOKIE].startswith(cast["voter_id"])


@pytest.mark.parametrize("cookie", [None, "0123456789abcdef0123456789abcdef.forged"])
async def test_the_choice_of_a_voter_who_is_not_known_is_nothing(
    guest: Visitor, cookie: str | None
) -> None:
    """As after all data was lost, with the secret: nothing of this vote is counted."""
    if cookie:
        guest.has_cookie(voter.COOKIE, cookie)
    guest.has_cookie(cast.CHOICE_COOKIE, "a")
    refused = await guest.vote("z")
    assert (refused.status, refused.pressed) == (422, None)
    page = await guest.get()
    assert page.pressed is None
    assert "Your vote for " not in page.text.partition('id="texts"')[0]
    # The page made a new voter: the old choice is not theirs either.
    assert page.set_cookies.keys() == {voter.COOKIE, cast.CHOICE_COOKIE}
    assert "Max-Age=0" in page.set_cookies[cast.CHOICE_COOKIE]
    await guest.vote("a")
    assert (await guest.get()).pressed == "a"


async def test_nobody_can_vote_for_another(vote_url: str, client: Client) -> None:
    async with visitor.opened(vote_url) as one, visitor.opened(vote_url) as other:
        await one.vote("a")
        await other.get()
        stolen = one.cookies[voter.COOKIE].partition(".")[0]
        signature = other.cookies[voter.COOKIE].partition(".")[2]
        other.has_cookie(voter.COOKIE, f"{stolen}.{signature}")
        await other.vote("b")
    assert len({cast["voter_id"] for cast in await visitor.ballots(client)}) == 2


async def test_cookies_may_come_in_several_headers(
    guest: Visitor, vote_url: str, client: Client
) -> None:
    """A proxy may pass them so (RFC 9113, 8.2.3)."""
    await guest.vote("a")
    headers = multidict.CIMultiDict(
        [("cookie", f"{voter.COOKIE}={guest.cookies[voter.COOKIE]}"), ("cookie", "theme=dark")]
    )
    async with visitor.opened(vote_url) as same:
        await same.vote("b", headers=headers)
    assert len({each["voter_id"] for each in await visitor.ballots(client)}) == 1


@pytest.fixture
async def urls(stores: store.Stores) -> AsyncIterator[list[str]]:
    """Two replicas with a configured secret."""
    configured = settings.Settings(
        redis_url=pydantic.SecretStr(stores.redis_url), cookie_secret=pydantic.SecretStr(SECRET)
    )
    async with (
        served.opened(app.create_app(configured)) as one,
        served.opened(app.create_app(configured)) as two,
    ):
        yield [one, two]


async def test_replicas_with_one_secret_know_each_others_voters(
    urls: list[str], client: Client
) -> None:
    await known_to_both(urls, client)


async def known_to_both(urls: list[str], client: Client) -> None:
    one, two = urls
    async with visitor.opened(one) as guest:
        await guest.vote("a")
        cookie = guest.cookies[voter.COOKIE]
    async with visitor.opened(two) as guest:
        guest.has_cookie(voter.COOKIE, cookie)
        assert (await guest.get()).set_cookies == {}
        await guest.vote("b")
    first, second = await visitor.ballots(client)
    assert first["voter_id"] == second["voter_id"]


@pytest.mark.parametrize("way", visitor.WAYS, ids=["short", "long"])
async def test_the_choice_in_another_poll_is_none_in_this_one(
    stores: store.Stores, vote_url: str, way: dict[str, str]
) -> None:
    """Also where its letter is an option here."""
    configured = settings.Settings(
        redis_url=pydantic.SecretStr(stores.redis_url), options={"a": "Tea", "b": "Coffee"}
    )
    async with (
        visitor.opened(vote_url) as before,
        served.opened(app.create_app(configured)) as changed_url,
        visitor.opened(changed_url) as after,
    ):
        await before.vote("a", headers=way)
        assert (await before.get()).pressed == "a"
        for name, value in before.cookies.items():
            after.has_cookie(name, value)
        page = await after.get()
        assert page.pressed is None
        assert "Your vote for " not in page.text.partition('id="texts"')[0]
        assert page.set_cookies == {}  # it is the same voter
