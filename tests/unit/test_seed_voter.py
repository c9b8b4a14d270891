"""A voter of the seed job: what a refusal says is told."""

import pytest

from seed import voter
from tests.unit.test_seed_client import closing, serving


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            '<p id="notice" role="status" dir="auto">\n<bdi>Tea &amp; milk</bdi>\nare gone.</p>',
            ": Tea & milk are gone.",
        ),
        ("not from\nhere", ": not from here"),
        ("x" * 999, f": {'x' * voter.SAID}"),
        ("<html><h1>403</h1></html>", ""),
        ("", ""),
        ("\xff", ": \ufffd"),
    ],
)
async def test_a_refusal(body: str, told: str) -> None:
    content = body.encode("latin-1")
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(content)
    async with serving(lambda _: head + content) as (address, _):
        with closing(address) as service, pytest.raises(voter.RefusedError) as caught:
            await voter.Voter("a").cast(service, 5, lambda _: None)
    assert str(caught.value) == f"the page was answered with status 403{told}"


async def test_a_page_where_nobody_can_vote_is_not_asked_again() -> None:
    asked: list[bytes] = []

    def answer(request: bytes) -> bytes:
        asked.append(request)
        return b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n<h1>Result</h1>"

    async with serving(answer) as (address, _):
        with closing(address) as service, pytest.raises(voter.RefusedError) as caught:
            await voter.Voter("a").cast(service, 5, lambda _: None)
    assert str(caught.value) == "the page has no form: it is no vote page"
    assert len(asked) == 1


async def test_a_vote_page_that_has_no_cookie_yet_is_asked_again() -> None:
    """As long as vote has not reached Redis."""
    page = b"<form>"
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n" + page,
        b"HTTP/1.1 200 OK\r\nSet-Cookie: voter_id=1\r\nContent-Length: 6\r\n\r\n" + page,
        b"HTTP/1.1 303 See Other\r\nContent-Length: 0\r\n\r\n",
    ]
    told: list[str] = []
    async with serving(lambda _: answers.pop(0)) as (address, _):
        with closing(address) as service:
            await voter.Voter("a").cast(service, 5, told.append)
    assert told == ["the page came without a cookie"]
