import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from common.security import SecurityHeaders, is_cross_site
from tests import asgi

APP = Starlette(routes=[Route("/", PlainTextResponse("ok"))])


async def test_every_response_has_the_headers() -> None:
    for path in ("/", "/missing"):
        answer = await asgi.request(SecurityHeaders(APP), path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"


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
