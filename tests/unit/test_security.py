"""Headers that protect the pages, and the check against other sites."""

import aiohttp
import pytest
from starlette import applications, datastructures, requests, responses, routing, types

from common import security
from tests import asgi, served


def wrapped(answer: responses.Response) -> types.ASGIApp:
    return security.SecurityHeaders(answer)


@pytest.mark.parametrize("status", [200, 403, 404, 503])
async def test_every_answer_has_the_headers(status: int) -> None:
    answer = await asgi.request(wrapped(responses.Response(b"x", status)), "/")
    assert answer.status == status
    assert dict(answer.headers).items() >= security.HEADERS.items()
    assert answer.headers["content-length"] == "1"


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_redirect_has_what_is_of_the_way(scheme: str) -> None:
    answer = await asgi.request(wrapped(responses.RedirectResponse("./")), "/", scheme=scheme)
    # The policy for a page's openers is of each answer on the way to it.
    openers = {"cross-origin-opener-policy"} if scheme == "https" else set()
    own = {"referrer-policy", "x-content-type-options"} | openers
    assert set(answer.headers) == {"location", "content-length"} | own


async def test_a_fault_of_ours_is_answered_with_them() -> None:
    async def fail(_: requests.Request) -> responses.Response:
        raise LookupError("a fault")

    app = security.SecurityHeaders(applications.Starlette(routes=[routing.Route("/", fail)]))
    async with (
        served.opened(app, ready=False) as url,
        aiohttp.ClientSession() as client,
        client.get(url) as answer,
    ):
        assert answer.status == 500
        assert answer.headers.items() >= security.HEADERS.items()


async def test_what_browsers_take_from_https_alone_is_sent_by_https_alone() -> None:
    for scheme in ("http", "https"):
        answer = await asgi.request(wrapped(responses.Response(b"x")), "/", scheme=scheme)
        assert ("cross-origin-opener-policy" in answer.headers) == (scheme == "https")


async def test_an_answer_may_have_a_policy_of_its_own() -> None:
    own = responses.Response(headers={"content-security-policy": "default-src 'self'"})
    answer = await asgi.request(wrapped(own), "/")
    assert answer.headers.getlist("content-security-policy") == ["default-src 'self'"]


async def test_policy_names_the_style_sheets_of_the_pages() -> None:
    # The hash as `printf 'p {}' | openssl dgst -sha256 -binary | base64` gives it.
    source = "'sha256-SNJDlN1Iy2mnt7DOjQIyDb2LQE6O5PQiSZomcdzawQ4='"
    app = security.SecurityHeaders(responses.Response(b"x"), ["p {}"])
    policy = (await asgi.request(app, "/")).headers["content-security-policy"]
    assert f"; style-src 'self' {source}; " in policy
    assert policy.replace(f" {source}", "") == security.CONTENT_SECURITY_POLICY


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere() -> None:
    policy = security.CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize(
    ("headers", "is_cross_site"),
    [
        ({}, False),  # a program
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),  # typed by the person
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": ""}, True),
        ({"origin": "http://vote.test:8080"}, False),
        ({"origin": "https://vote.test:8080"}, False),  # TLS ends before the service
        ({"origin": "http://vote.test"}, True),
        ({"origin": "http://evil.test"}, True),
        ({"origin": "http://vote.test:8080.evil.test"}, True),
        ({"origin": "null"}, True),
        ({"sec-fetch-site": "same-origin \t"}, False),  # as a parser may hand it on
        ({"sec-fetch-site": "cross-site "}, True),
        ({"sec-fetch-site": "none\xa0"}, True),
        ({"origin": "http://vote.test:8080\t "}, False),
        ({"origin": " "}, True),
        ({"origin": ""}, True),
        ({"origin": "http://["}, True),  # not to be parsed
        ({"origin": "https://a.test", "x-forwarded-host": "a.test, b.test"}, False),
        ({"origin": "http://b.test", "x-forwarded-host": "a.test, b.test"}, True),
        ({"origin": "", "x-forwarded-host": ""}, True),
        ({"origin": "http://evil.test", "sec-fetch-site": "same-origin"}, False),
        ({"origin": "http://vote.test:8080", "sec-fetch-site": "cross-site"}, True),
    ],
)
def test_cross_site(headers: dict[str, str], is_cross_site: bool) -> None:
    given = datastructures.Headers({"host": "vote.test:8080", **headers})
    assert security.is_cross_site(given) is is_cross_site
