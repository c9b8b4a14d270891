import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from common.security import BodyLimit, SecurityHeaders, is_cross_site
from tests import asgi


async def echo(request: Request) -> Response:
    return PlainTextResponse(await request.body())


ECHO = Starlette(routes=[Route("/", echo, methods=["POST"])])


async def echo_without_error_handling(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


async def test_every_response_has_the_headers() -> None:
    for path in ("/", "/missing"):
        answer = await asgi.request(SecurityHeaders(ECHO), path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("app", [ECHO, echo_without_error_handling])
@pytest.mark.parametrize("is_announced", [True, False])
async def test_longer_bodies_are_refused(app: object, is_announced: bool) -> None:
    limited = BodyLimit(app, max_bytes=10)  # type: ignore[arg-type]
    for length, status in ((10, 200), (11, 413)):
        headers = {"content-length": str(length)} if is_announced else {}
        body = [b"x"] * length
        answer = await asgi.request(limited, "/", "POST", headers, body=body)
        assert answer.status == status


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),  # a program
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),  # typed into the address bar
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"origin": "http://vote.test:8080"}, False),
        ({"origin": "https://vote.test:8080"}, False),  # TLS ends at the proxy
        ({"origin": "http://vote.test"}, True),
        ({"origin": "http://vote.test:8080.evil.test"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "https://a.test", "x-forwarded-host": "a.test, b.test"}, False),
        ({"origin": "", "x-forwarded-host": ""}, True),
        ({"origin": "http://evil.test", "sec-fetch-site": "same-origin"}, False),
        ({"origin": "http://vote.test:8080", "sec-fetch-site": "cross-site"}, True),
    ],
)
def test_cross_site_requests_are_recognised(headers: dict[str, str], expected: bool) -> None:
    assert is_cross_site(Headers({"host": "vote.test:8080", **headers})) is expected
