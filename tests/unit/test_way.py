"""Which votes take the short way: all that the page sends, and nothing that the app refuses."""

import json

import pydantic
import pytest

import vote.app
import vote.settings
from common import poll
from vote import head, shortcut, voter, way

FORM = {"content-type": "application/x-www-form-urlencoded"}
SCRIPT = {"content-type": "application/json"}
SECRET = "0123456789abcdef"


@pytest.fixture(scope="module")
def app() -> shortcut.Shortcut:
    configured = vote.settings.Settings(
        redis_url=pydantic.SecretStr("redis://nowhere.invalid"),
        cookie_secret=pydantic.SecretStr(SECRET),
    )
    made = vote.app.create_app(configured)
    assert isinstance(made, shortcut.Shortcut)
    return made


@pytest.fixture(scope="module")
def ways(app: shortcut.Shortcut) -> way.Ways:
    return app.ways


@pytest.fixture(scope="module")
def asked(app: shortcut.Shortcut) -> poll.Poll:
    return app.caster.poll


def option(ways: way.Ways, path: str, headers: dict[str, str], body: str) -> str | None:
    """What a request is for, of a browser or program that sends these headers."""
    lines = {"host": "vote.test:8080", "content-length": str(len(body))} | headers
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    read = head.read(f"POST {path} HTTP/1.1\r\n{told}\r\n{body}".encode())
    assert read is not None
    return ways.option(read)


def test_the_page_and_programs_take_it(ways: way.Ways, asked: poll.Poll) -> None:
    for body in ("vote=b", f"poll={asked.edition}&vote=b"):
        assert option(ways, "/", FORM, body) == "b", body
    for fields in ({"vote": "b"}, {"vote": "b", "poll": asked.edition}):
        for separators in ((",", ":"), (", ", ": ")):  # of JSON.stringify; of Python and curl
            body = json.dumps(fields, separators=separators)
            assert option(ways, "/api/votes", SCRIPT, body) == "b", body


def test_what_is_unusual_does_not(ways: way.Ways, asked: poll.Poll) -> None:
    for body in ("vote=z", "vote=", "", "vote=a&vote=b", f"poll=0{asked.edition[1:]}x&vote=a"):
        assert option(ways, "/", FORM, body) is None, body
    for body in ('{"vote":"z"}', '{"vote":1}', '["a"]', '{"vote":"a","poll":"x"}', "vote=a", "{}"):
        assert option(ways, "/api/votes", SCRIPT, body) is None, body
    assert option(ways, "/", SCRIPT, "vote=a") is None
    assert option(ways, "/api/votes", FORM, '{"vote":"a"}') is None
    assert option(ways, "/", {"content-type": FORM["content-type"] + ";"}, "vote=a") is None


def test_the_date_of_an_answer_is_that_of_its_second(
    app: shortcut.Shortcut, ways: way.Ways
) -> None:
    cast = app.caster.fill(None, "a")
    for date in (b"Tue, 24 Nov 2026 12:00:00 GMT", b"Tue, 24 Nov 2026 12:00:01 GMT"):
        common = [(b"date", date)]  # made anew by the server, once a second
        for _ in range(2):
            head_of_answer, _ = ways.answer(b"/", cast, common, known=None, secure=False)
            assert head_of_answer.count(b"date: ") == 1
            assert b"\r\ndate: %b\r\n" % date in head_of_answer


@pytest.mark.parametrize(
    ("secret", "is_given"), [(SECRET, False), ("a secret of before", True), (None, True)]
)
def test_who_has_the_cookie_of_this_secret_is_not_given_it_again(
    app: shortcut.Shortcut, ways: way.Ways, secret: str | None, is_given: bool
) -> None:
    cast = app.caster.fill(None, "a")
    known = voter.Voters(secret).sign(cast.voter_id) if secret else None
    head_of_answer, _ = ways.answer(b"/", cast, [], known=known, secure=False)
    cookie = f"set-cookie: {voter.COOKIE}={voter.Voters(SECRET).sign(cast.voter_id)}; "
    assert head_of_answer.count(cookie.encode()) == is_given
    assert head_of_answer.count(b"set-cookie: vote=a.") == 1


@pytest.mark.parametrize(
    ("headers", "is_taken"),
    [
        ({}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        # All that a browser says by http: as a phone does that votes at an address in the room.
        ({"origin": "http://vote.test:8080"}, True),
        ({"origin": "http://evil.test"}, False),
        ({"origin": ""}, False),
        ({"origin": "null"}, False),
        ({"origin": "https://a.test", "x-forwarded-host": "a.test"}, True),
        ({"origin": "http://vote.test:8080", "sec-fetch-site": "cross-site"}, False),
    ],
)
def test_only_this_site_takes_it(ways: way.Ways, headers: dict[str, str], is_taken: bool) -> None:
    for path, kind, body in (("/", FORM, "vote=a"), ("/api/votes", SCRIPT, '{"vote":"a"}')):
        assert option(ways, path, kind | headers, body) == ("a" if is_taken else None), path
