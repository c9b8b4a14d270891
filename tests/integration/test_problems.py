"""The answers to refused requests of programs: problem details, RFC 9457."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from common.security import MAX_BODY
from result.app import create_app
from result.settings import Settings
from tests import served, store
from tests.integration import visitor
from tests.integration.visitor import Answer, Visitor

TOKEN = "the token of the tests"
LONG = b'{"vote": "a", "x": "' + b"x" * MAX_BODY + b'"}'
JSON = {"content-type": "application/json"}


async def in_chunks(body: bytes) -> AsyncIterator[bytes]:
    """Send a body without the header Content-Length."""
    yield body[:1000]
    yield body[1000:]


@pytest.fixture
async def presenter(stores: store.Stores) -> AsyncIterator[Visitor]:
    """Someone at a result service without tables, with the presenter's endpoints."""
    settings = Settings(
        database_url=SecretStr(stores.database_url),
        redis_url=SecretStr(stores.redis_url),
        faults="enabled",
        presenter_token=SecretStr(TOKEN),
    )
    app = create_app(settings)
    async with served.opened(app, ready=False) as url, visitor.opened(url) as opened:
        yield opened


async def check(someone: Visitor, answer: Answer, status: int) -> None:
    """Check the shape of an answer, and that the metrics count it."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json["status"] == status
    assert answer.json["title"]
    assert isinstance(answer.json["detail"], str)
    metrics = (await someone.get("/metrics")).text.splitlines()
    assert f'http_problems_total{{status="{status}"}} 1.0' in metrics


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("GET", "/static/x/nothing.css", {}, 404),
        ("PUT", "/", {}, 405),
        ("GET", "/api/votes", {}, 405),
        ("POST", "/api/votes", {"json": []}, 400),
        ("POST", "/api/votes", {"json": {"vote": "a"}, "headers": {"origin": "http://x"}}, 403),
        ("POST", "/api/votes", {"json": {"vote": "a", "poll": "0"}}, 409),
        ("POST", "/api/votes", {"data": {"vote": "a"}}, 415),
        ("POST", "/api/votes", {"json": {"vote": "z"}}, 422),
        ("POST", "/", {"data": {"vote": "z"}, "headers": {"accept": "application/json"}}, 422),
    ],
)
async def test_vote_refuses_with_a_problem(
    guest: Visitor, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    answer = await guest.send(method, path, **options)
    await check(guest, answer, status)
    assert (status == 405) == ("allow" in answer.headers)
    if method == "POST":
        assert answer.json["reason"]


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_vote_that_is_too_long_is_a_problem_and_a_refused_vote(
    guest: Visitor, is_chunked: bool
) -> None:
    body = in_chunks(LONG) if is_chunked else LONG
    answer = await guest.send("POST", "/api/votes", data=body, headers=JSON)
    await check(guest, answer, 413)
    assert answer.json["reason"] == "too_large"
    metrics = (await guest.get("/metrics")).text
    assert 'vote_ballots_refused_total{reason="too_large"} 1.0' in metrics


@pytest.mark.parametrize(
    ("method", "path", "options", "status"),
    [
        ("GET", "/nowhere", {}, 404),
        ("POST", "/api/results", {}, 405),
        ("GET", "/api/results", {}, 503),
        ("DELETE", "/system/faults", {}, 401),
        ("GET", "/system/login", {"headers": {"sec-fetch-site": "cross-site"}}, 403),
        ("POST", "/system/login", {"data": LONG, "headers": JSON}, 413),
        ("POST", "/system/login", {"data": b"{", "headers": JSON}, 422),
        ("POST", "/system/login", {"json": {}}, 422),
    ],
)
async def test_result_refuses_with_a_problem(
    presenter: Visitor, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    await check(presenter, await presenter.send(method, path, **options), status)


async def test_the_detail_names_what_is_missing(presenter: Visitor) -> None:
    answer = await presenter.send("POST", "/system/login", json={})
    assert answer.json["detail"] == "body.token: Field required"


async def test_the_openapi_documents_describe_the_problems(
    guest: Visitor, presenter: Visitor
) -> None:
    for someone, members in ((guest, {"reason", "options"}), (presenter, set())):
        document = (await someone.get("/openapi.json")).json
        for path in document["paths"].values():
            for operation in path.values():
                for status, response in operation["responses"].items():
                    if int(status) < 400:
                        continue
                    (media_type,) = response["content"]
                    assert media_type == "application/problem+json"
                    properties = response["content"][media_type]["schema"]["properties"]
                    assert properties.keys() == {"title", "status", "detail"} | members
