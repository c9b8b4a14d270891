"""The two ways by which the usual vote comes: the form of the page, and its script.

For each: by which bytes it is known, and the bytes of its answer. All that can be made ahead is.
"""

import json
import typing
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import urlencode

import orjson

from common import ballot, poll, security
from vote import cast, head

SAME_SITE = frozenset({b"same-origin", b"none"})
HOSTS = (b"host", b"x-forwarded-host")
Header = tuple[bytes, bytes]
NO_STORE = (b"cache-control", b"no-store")


class Way(typing.NamedTuple):
    """One of the two by which votes come.

    `options`: what each usual body is for. `head`: of the answer, by whether it goes by https.
    """

    media_type: bytes
    options: Mapping[bytes, str]
    head: Mapping[bool, bytes]
    body: Callable[[ballot.Ballot], bytes]


class Ways:
    """Both."""

    def __init__(self, app: security.SecurityHeaders, caster: cast.Caster) -> None:
        self._caster = caster
        form, script = _bodies(caster.poll)
        self._ways = {
            b"/": Way(
                b"application/x-www-form-urlencoded",
                form,
                _heads(app, HTTPStatus.SEE_OTHER, [(b"location", b"./"), NO_STORE]),
                lambda _: b"",
            ),
            b"/api/votes": Way(
                b"application/json",
                script,
                _heads(
                    app, HTTPStatus.ACCEPTED, [NO_STORE, (b"content-type", b"application/json")]
                ),
                lambda filled: orjson.dumps(cast.told(filled)),
            ),
        }
        self._common: list[Header] = []  # headers of all answers, and the same as lines
        self._common_lines = b""

    def option(self, request: head.Request) -> str | None:
        """What a usual vote is for; None if it is not one."""
        way, headers = self._ways[request.path], request.headers
        if headers.get(b"content-type") != way.media_type:
            return None
        site = headers.get(b"sec-fetch-site")
        if site not in SAME_SITE and (site is not None or not _is_same_host(headers)):
            return None
        return way.options.get(request.body)

    def answer(
        self,
        path: bytes,
        filled: ballot.Ballot,
        common: list[Header],
        *,
        known: str | None,
        secure: bool,
    ) -> tuple[bytes, bytes]:
        """The answer to this vote, but for the last lines of its head, and its body.

        `common`: headers of all answers. `known`: the voter's cookie that came with the vote.
        """
        if common is not self._common:  # once a second: the date is in them
            self._common, self._common_lines = common, _lines(common)
        cookies = self._caster.cookies(filled.voter_id, filled.vote, known=known, secure=secure)
        way = self._ways[path]
        body = way.body(filled)
        return b"%b%bcontent-length: %d\r\n%b" % (
            way.head[secure],
            self._common_lines,
            len(body),
            _lines(cookies),
        ), body


def _lines(headers: list[Header]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


def _heads(
    app: security.SecurityHeaders, status: HTTPStatus, headers: list[Header]
) -> dict[bool, bytes]:
    start = f"HTTP/1.1 {status} {status.phrase}\r\n".encode()
    return {
        secure: start + _lines([*headers, *app.headers(status, secure=secure)])
        for secure in (False, True)
    }


def _bodies(asked: poll.Poll) -> tuple[dict[bytes, str], dict[bytes, str]]:
    """What each usual body is for: of the form, and of the page's script or a program.

    Without the poll it comes from the classic page, and from programs, which may set spaces.
    """
    form, script = {}, {}
    for each in asked.option_ids:
        for edition in (None, asked.edition):
            fields = [("vote", each)] if edition is None else [("poll", edition), ("vote", each)]
            form[urlencode(fields).encode()] = each
            told = json.dumps(dict(reversed(fields)))
            script[told.encode()] = script[told.replace(" ", "").encode()] = each
    return form, script


def _is_same_host(headers: Mapping[bytes, bytes]) -> bool:
    """As `security.is_cross_site` has it of a browser that says no more than Origin."""
    origin = headers.get(b"origin")
    hosts = (headers.get(name, b"").decode("latin-1") for name in HOSTS)
    return origin is None or security.is_same_host(origin.decode("latin-1"), *hosts)
