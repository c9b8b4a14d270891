"""Casting votes: answered once Redis has them, refused with what is right."""

import asyncio
import datetime
import re
import time
import typing
from collections.abc import AsyncIterator

import pydantic
import pytest
import redis.asyncio

from common import security
from tests import served, store
from tests.integration import visitor
from vote import app, settings

Client = redis.asyncio.Redis
Visitor = visitor.Visitor
FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}
NO_VOTES = [
    ("/", FORM, b"", 422),
    ("/", FORM, b"choice=a", 422),
    ("/", FORM, b"vote=%ff", 422),
    ("/", FORM, b"vote=\xff", 400),
    ("/", FORM, b"&".join(b"vote=a" for _ in range(20)), 400),
    ("/", FORM, b"vote=a&x=" + b"x" * app.MAX_BODY, 413),
    ("/", JSON, b'{"vote": "a"}', 415),
    ("/", {"content-type": "text/plain"}, b"vote=a", 415),
    ("/api/votes", JSON, b"", 400),
    ("/api/votes", JSON, b'{"vote": "a"', 400),
    ("/api/votes", JSON, b'{"vote": "\xff"}', 400),
    ("/api/votes", JSON, b"[" * 10_000, 400),
    ("/api/votes", JSON, b"[]", 422),
    ("/api/votes", JSON, b"null", 422),
    ("/api/votes", JSON, b"{}", 422),
    ("/api/votes", JSON, b'{"vote": ["a"]}', 422),
    ("/api/votes", JSON, b'{"vote": 1}', 422),
    ("/api/votes", JSON, b'{"vote": "a", "x": "' + b"x" * app.MAX_BODY + b'"}', 413),
    ("/api/votes", FORM, b"vote=a", 415),
]
REQUESTS: list[tuple[str, str, dict[str, typing.Any], int]] = [
    ("GET", "/", {}, 200),
    ("HEAD", "/", {}, 200),
    ("POST", "/", {"data": {"vote": "a"}}, 303),
    ("POST", "/", {"data": {"vote": "z"}}, 422),
    ("POST", "/api/votes", {"json": {"vote": "a"}}, 202),
    ("POST", "/api/votes", {"json": {"vote": "z"}}, 422),
    ("PUT", "/", {}, 405),
    ("GET", "/nowhere", {}, 404),
    ("GET", "/static/nothing.css", {}, 404),
    ("GET", "/healthz", {}, 200),
    ("GET", "/readyz", {}, 200),
    ("GET", "/metrics", {}, 200),
]


@pytest.mark.parametrize("headers", visitor.WAYS, ids=["short", "long"])
async def test_a_form_is_answered_by_a_redirect_once_redis_has_the_vote(
    guest: Visitor, client: Client, headers: dict[str, str]
) -> None:
    assert (await guest.get()).pressed is None
    before = time.time_ns() // 1000
    answer = await guest.vote("b", headers=headers)
    assert (answer.status, answer.headers["location"]) == (303, "./")
    assert answer.headers["cache-control"] == "no-store"
    (cast,) = await visitor.ballots(client)
    assert cast.keys() == {"voter_id", "vote", "cast_at"}
    assert cast["vote"] == "b"
    assert before <= cast["cast_at"] <= time.time_ns() // 1000
    assert (await guest.get()).pressed == "b"


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_the_page_says_what_it_depends_on(guest: Visitor, encoding: str) -> None:
    answer = await guest.get(headers={"accept-encoding": encoding})
    assert answer.headers.get("content-encoding", "identity") == encoding
    vary = sorted(answer.headers["vary"].split(", "))
    assert vary == ["Accept-Encoding", "Accept-Language", "Cookie"]


@pytest.mark.parametrize("headers", visitor.WAYS, ids=["short", "long"])
async def test_who_changes_their_mind_stays_the_same_voter(
    guest: Visitor, client: Client, headers: dict[str, str]
) -> None:
    await guest.vote("a", headers=headers)
    await guest.vote("b", headers=headers)
    assert (await guest.get()).pressed == "b"
    first, second = await visitor.ballots(client)
    assert (first["vote"], second["vote"]) == ("a", "b")
    assert first["voter_id"] == second["voter_id"]
    assert first["cast_at"] < second["cast_at"]


async def test_a_form_may_come_in_pieces(guest: Visitor, client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"vote=a", b"&vote=", b"b"):
            yield piece
            await asyncio.sleep(0.05)

    assert (await guest.send("POST", "/", headers=FORM, data=pieces())).status == 303
    # Not what the first piece says alone: of several votes in one form, the last counts.
    assert [cast["vote"] for cast in await visitor.ballots(client)] == ["b"]


async def test_each_browser_is_a_voter_of_its_own(vote_url: str, client: Client) -> None:
    for _ in range(3):
        async with visitor.opened(vote_url) as other:
            await other.vote("a")
    assert len({cast["voter_id"] for cast in await visitor.ballots(client)}) == 3


async def test_programs_vote_in_json(guest: Visitor, client: Client) -> None:
    answer = await guest.send("POST", "/api/votes", json={"vote": "a"})
    (cast,) = await visitor.ballots(client)
    assert answer.status == 202
    assert answer.json == {"vote": "a", "cast_at": cast["cast_at"]}
    await guest.send("POST", "/api/votes", json={"vote": "b"})
    assert len({each["voter_id"] for each in await visitor.ballots(client)}) == 1
    assert (await guest.get()).pressed == "b"


async def test_an_unknown_option_is_refused_and_the_valid_ones_are_named(
    guest: Visitor, client: Client
) -> None:
    for option in ("c", "A", "", "a ", "a\0", "ä"):
        form = await guest.vote(option)
        assert form.status == 422
        assert "Cats" in form.text
        assert "Dogs" in form.text
        answer = await guest.send("POST", "/api/votes", json={"vote": option})
        assert answer.status == 422
        assert answer.json == {
            "reason": "unknown_option",
            "detail": "vote must be one of a (Cats), b (Dogs)",
            "options": ["a", "b"],
        }
    assert await visitor.ballots(client) == []


async def test_a_vote_from_the_page_of_another_poll_is_refused(
    guest: Visitor, client: Client
) -> None:
    found = re.search(r'name="poll" value="(\w+)"', (await guest.get()).text)
    assert found
    form = {"poll": found[1], "vote": "a"}
    assert (await guest.send("POST", "/", data=form)).status == 303
    assert (await guest.send("POST", "/", data=form, headers=visitor.LONG_WAY)).status == 303
    assert (await guest.send("POST", "/api/votes", json=form)).status == 202
    assert len(await visitor.ballots(client)) == 3
    for other in ("0" * 12, "", 7):
        answer = await guest.send("POST", "/api/votes", json=form | {"poll": other})
        assert answer.status == 409
        assert answer.json == {
            "reason": "changed",
            "detail": "the poll has changed: this vote is for another one",
            "options": ["a", "b"],
        }
    refused = await guest.send("POST", "/", data=form | {"poll": "0" * 12})
    assert refused.status == 409
    assert "the poll has changed" in refused.text
    assert len(await visitor.ballots(client)) == 3


async def test_what_is_no_vote_is_refused(guest: Visitor, client: Client) -> None:
    for path, headers, body, status in NO_VOTES:
        answer = await guest.send("POST", path, headers=headers, data=body)
        assert answer.status == status, (path, body[:40])
        if path == "/":
            assert answer.headers["content-type"].startswith("text/html")
        else:
            assert answer.json["detail"]
    assert await visitor.ballots(client) == []


async def test_a_content_type_may_have_parameters(guest: Visitor, client: Client) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    answer = await guest.send("POST", "/api/votes", headers=headers, data=b'{"vote": "a"}')
    assert answer.status == 202
    assert len(await visitor.ballots(client)) == 1


async def test_another_site_cannot_vote(guest: Visitor, client: Client) -> None:
    await guest.get()
    for name, value in (
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.test"),
        ("origin", "null"),
    ):
        form = await guest.vote("a", headers={name: value})
        long = await guest.vote("a", headers={name: value} | visitor.LONG_WAY)
        answer = await guest.send("POST", "/api/votes", headers={name: value}, json={"vote": "a"})
        assert (form.status, long.status, answer.status) == (403, 403, 403), value
        assert answer.json["reason"] == "cross_site"
    assert await visitor.ballots(client) == []


async def test_the_page_itself_can(guest: Visitor, vote_url: str, client: Client) -> None:
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": vote_url}):
        assert (await guest.vote("a", headers=headers)).status == 303
    assert len(await visitor.ballots(client)) == 2


async def test_every_answer_protects_the_page(guest: Visitor) -> None:
    for method, path, options, status in REQUESTS:
        answer = await guest.send(method, path, **options)
        assert answer.status == status, (method, path)
        for name, value in security.HEADERS.items():
            if status == 303 and name.encode() not in security.REDIRECT_HEADERS:
                continue
            assert re.sub(" 'sha256-.+?'", "", answer.headers[name]) == value, (method, path)
        assert "server" not in answer.headers


async def test_health_and_metrics(guest: Visitor, stores: store.Stores) -> None:
    for option in "aab":
        await guest.vote(option)
    await guest.vote("z")
    assert (await guest.get("/healthz")).text == "ok\n"
    ready = (await guest.get("/readyz")).json
    assert ready["ready"] is True
    assert ready["dependencies"]["redis"]["state"] == "up"
    lines = (await guest.get("/metrics")).text.splitlines()
    for line in (
        'vote_ballots_accepted_total{option="a"} 2.0',
        'vote_ballots_accepted_total{option="b"} 1.0',
        'vote_ballots_refused_total{reason="unknown_option"} 1.0',
        "vote_push_seconds_count 3.0",
        "vote_push_batch_size_sum 3.0",
        'dependency_up{dependency="redis"} 1.0',
    ):
        assert line in lines


@pytest.fixture
async def closed(stores: store.Stores) -> AsyncIterator[Visitor]:
    """Somebody at the page of a poll that is over."""
    configured = settings.Settings(
        redis_url=pydantic.SecretStr(stores.redis_url),
        poll_closes_at=datetime.datetime.now(datetime.UTC),
    )
    async with served.opened(app.create_app(configured)) as url, visitor.opened(url) as late:
        yield late


async def test_after_the_end_nobody_votes(closed: Visitor, client: Client) -> None:
    page = await closed.get()
    assert page.text.count("disabled") >= 2
    answer = await closed.send("POST", "/api/votes", json={"vote": "a"})
    assert (answer.status, answer.json["reason"]) == (403, "closed")
    for headers in visitor.WAYS:
        assert (await closed.vote("a", headers=headers)).status == 403
    assert await visitor.ballots(client) == []


async def test_another_method_is_told_which_there_are(guest: Visitor) -> None:
    answer = await guest.send("PUT", "/")
    assert answer.status == 405
    assert sorted(answer.headers["allow"].split(", ")) == ["GET", "HEAD", "POST"]


async def test_where_there_is_nothing_a_person_is_told_in_words(guest: Visitor) -> None:
    person = await guest.get("/vote", headers={"accept": "text/html,*/*;q=0.8"})
    assert person.status == 404
    assert person.headers["content-type"].startswith("text/plain")
    assert person.text == "There is nothing at this address. The page is at /\n"
    program = await guest.get("/vote")
    assert (program.status, program.json) == (404, {"detail": "Not Found"})
