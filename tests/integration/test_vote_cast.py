"""Casting votes: answered once Redis has them, or refused with the reason."""

import datetime
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import redis.asyncio
from pydantic import SecretStr

from common.poll import GRACE, Poll
from common.security import HEADERS, MAX_BODY
from tests import served, store
from tests.integration import visitor
from tests.integration.visitor import Visitor
from vote.app import create_app
from vote.settings import Settings

Client = redis.asyncio.Redis
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
PROBLEM = "application/problem+json"


async def test_a_form_is_answered_by_a_redirect_once_redis_has_the_vote(
    guest: Visitor, client: Client
) -> None:
    assert (await guest.get()).pressed is None
    before = time.time_ns() // 1000
    answer = await guest.vote("b")
    assert (answer.status, answer.headers["location"]) == (303, "./")
    (ballot,) = await visitor.ballots(client)
    assert ballot.keys() == {"voter_id", "vote", "cast_at", "poll"}
    assert ballot["vote"] == "b"
    assert before <= ballot["cast_at"] <= time.time_ns() // 1000
    assert (await guest.get()).pressed == "b"


async def test_programs_and_the_script_of_the_page_get_json(guest: Visitor, client: Client) -> None:
    program = await guest.call("a", headers={"content-type": "Application/JSON; charset=utf-8"})
    script = await guest.tap("b")
    for answer, ballot in zip((program, script), await visitor.ballots(client), strict=True):
        assert answer.status == 202
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json == {"vote": ballot["vote"], "cast_at": ballot["cast_at"]}


@pytest.mark.parametrize(
    ("accept", "is_json"),
    [
        (JSON, True),
        ("Application/JSON;q=0.9, text/plain, */*", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),  # browsers
        ("text/html, application/json", False),
        ("*/*", False),
        ("", False),
    ],
)
async def test_only_the_form_looks_at_the_accepted_media_types(
    guest: Visitor, accept: str, is_json: bool
) -> None:
    headers = {"accept": accept}
    assert (await guest.vote("a", headers=headers)).status == (202 if is_json else 303)
    form, program = await guest.vote("z", headers=headers), await guest.call("z", headers=headers)
    assert form.headers["content-type"].startswith(PROBLEM if is_json else "text/html")
    assert (await guest.call("a", headers=headers)).status == 202
    assert program.headers["content-type"] == PROBLEM


async def test_a_voter_may_change_the_vote(guest: Visitor, client: Client) -> None:
    await guest.vote("a")
    await guest.tap("b")
    await guest.call("a")
    assert (await guest.get()).pressed == "a"
    first, second, third = await visitor.ballots(client)
    assert first["voter_id"] == second["voter_id"] == third["voter_id"]
    assert first["cast_at"] < second["cast_at"] < third["cast_at"]


async def test_an_unknown_option_is_refused_with_the_valid_ones(
    guest: Visitor, client: Client
) -> None:
    for option in ("c", "A", "", "a\0", "ä"):
        form = await guest.vote(option)
        assert (form.status, form.state) == (422, "unknown_option")
        for answer in (await guest.tap(option), await guest.call(option)):
            assert (answer.status, answer.json["reason"]) == (422, "unknown_option")
            assert answer.headers["cache-control"] == "no-store"
            assert answer.json["options"] == ["a", "b"]
            assert "a (Cats), b (Dogs)" in answer.json["detail"]
    assert await visitor.ballots(client) == []


async def test_a_vote_for_another_poll_is_refused(guest: Visitor, client: Client) -> None:
    found = re.search(r'name="poll" value="(\w+)"', (await guest.get()).text)
    assert found
    vote = {"poll": found[1], "vote": "a"}
    assert (await guest.send("POST", "/", data=vote)).status == 303
    assert (await guest.send("POST", "/api/votes", json=vote)).status == 202
    vote["poll"] = "0" * 12
    form = await guest.send("POST", "/", data=vote)
    assert (form.status, form.state) == (409, "changed")
    script = await guest.send("POST", "/", data=vote, headers={"accept": JSON})
    program = await guest.send("POST", "/api/votes", json=vote)
    for answer in (script, program):
        assert (answer.status, answer.json["reason"]) == (409, "changed")
        assert answer.json["options"] == ["a", "b"]
    assert len(await visitor.ballots(client)) == 2


@pytest.mark.parametrize(
    ("path", "content_type", "body", "status"),
    [
        ("/", FORM, b"", 422),
        ("/", FORM, b"vote=%ff", 422),
        ("/", FORM, b"vote=\xff", 400),
        ("/", FORM, b"&".join(b"vote=a" for _ in range(20)), 400),
        ("/", FORM, b"vote=a&x=" + b"x" * MAX_BODY, 413),
        ("/", JSON, b'{"vote": "a"}', 415),
        ("/", "text/plain", b"vote=a", 415),
        ("/api/votes", JSON, b'{"vote": "a"', 400),
        ("/api/votes", JSON, b'{"vote": "\xff"}', 400),
        ("/api/votes", JSON, b"[" * 10_000, 400),
        ("/api/votes", JSON, b"[]", 400),
        ("/api/votes", JSON, b"{}", 422),
        ("/api/votes", JSON, b'{"vote": ["a"]}', 422),
        ("/api/votes", JSON, b'{"vote": "a", "x": "' + b"x" * MAX_BODY + b'"}', 413),
        ("/api/votes", FORM, b"vote=a", 415),
    ],
)
async def test_a_bad_body_is_refused(
    guest: Visitor, client: Client, path: str, content_type: str, body: bytes, status: int
) -> None:
    headers = {"content-type": content_type}
    answer = await guest.send("POST", path, headers=headers, data=body)
    assert answer.status == status
    if status in (400, 415):
        assert "bad_request" in answer.text
    if path == "/":
        script = await guest.send("POST", path, headers=headers | {"accept": JSON}, data=body)
        assert (script.status, script.json["reason"]) == (status, answer.state)
    assert await visitor.ballots(client) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.test"),
        ("origin", "null"),
    ],
)
async def test_another_site_cannot_vote(
    guest: Visitor, client: Client, name: str, value: str
) -> None:
    form = await guest.vote("a", headers={name: value})
    assert (form.status, form.state) == (403, "cross_site")
    for answer in (
        await guest.tap("a", headers={name: value}),
        await guest.call("a", headers={name: value}),
    ):
        assert (answer.status, answer.json["reason"]) == (403, "cross_site")
    assert await visitor.ballots(client) == []


async def test_the_page_itself_can_vote(guest: Visitor, vote_url: str) -> None:
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": vote_url}):
        assert (await guest.vote("a", headers=headers)).status == 303
        assert (await guest.tap("a", headers=headers)).status == 202


@pytest.fixture(params=["the right time", "a slow clock"])
async def late(
    stores: store.Stores, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Visitor]:
    """Someone at the page of a poll that is closed, for vote or only for Redis."""
    end = datetime.datetime.now(datetime.UTC) - GRACE
    settings = Settings(redis_url=SecretStr(stores.redis_url), poll_closes_at=end)
    if request.param == "a slow clock":
        monkeypatch.setattr(Poll, "is_closed", lambda *_: False)
    async with served.opened(create_app(settings)) as url, visitor.opened(url) as opened:
        yield opened


async def test_nobody_can_vote_in_a_closed_poll(late: Visitor, client: Client) -> None:
    form = await late.vote("a")
    assert (form.status, form.state) == (403, "closed")
    for answer in (await late.tap("a"), await late.call("a")):
        assert (answer.status, answer.json["reason"]) == (403, "closed")
    assert await visitor.ballots(client) == []


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_the_page_says_what_it_depends_on(guest: Visitor, encoding: str) -> None:
    answer = await guest.get(headers={"accept-encoding": encoding})
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert answer.headers["cache-control"] == "no-cache, private"
    vary = sorted(answer.headers["vary"].split(", "))
    assert vary == ["Accept-Encoding", "Accept-Language", "Cookie"]


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/", {}, 200),
        ("HEAD", "/", {}, 200),
        ("POST", "/", {"data": {"vote": "a" * MAX_BODY}}, 413),
        ("POST", "/api/votes", {"json": {"vote": "z"}}, 422),
        ("PUT", "/", {}, 405),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/docs", {}, 404),
        ("GET", "/healthz", {}, 200),
        ("GET", "/readyz", {}, 200),
    ],
)
async def test_every_answer_with_content_has_the_security_headers(
    guest: Visitor, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = await guest.send(method, path, **options)
    assert answer.status == status
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


async def test_the_openapi_document_describes_the_vote_and_its_refusals(guest: Visitor) -> None:
    document = (await guest.get("/openapi.json")).json
    operation = document["paths"]["/api/votes"]["post"]
    assert operation["responses"].keys() == {
        "202", "400", "403", "409", "413", "415", "422", "503",
    }  # fmt: skip
    assert document["components"]["schemas"]["Vote"]["required"] == ["vote"]


async def test_metrics_count_accepted_and_refused_votes(guest: Visitor) -> None:
    for option in "aabz":
        await guest.vote(option)
    await guest.tap("z")
    await guest.call("z")
    await guest.send("POST", "/api/votes", json=[])
    await guest.vote("a", headers={"sec-fetch-site": "cross-site"})
    lines = (await guest.get("/metrics")).text.splitlines()
    for line in (
        'vote_ballots_accepted_total{option="a"} 2.0',
        'vote_ballots_accepted_total{option="b"} 1.0',
        'vote_ballots_refused_total{reason="unknown_option"} 3.0',
        'vote_ballots_refused_total{reason="bad_request"} 1.0',
        'vote_ballots_refused_total{reason="cross_site"} 1.0',
        "vote_push_seconds_count 3.0",
        "vote_push_batch_size_sum 3.0",
        'dependency_up{dependency="redis"} 1.0',
    ):
        assert line in lines
