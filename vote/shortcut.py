"""The short way of the usual vote: a whole, well-formed form post of this site, and a known option.

A task, an ASGI app, routing, request and response objects, a form parser and a server that looks at
each letter of each header would take most of the time that a vote takes; see bench/README.md. So
the usual vote passes them by: the connection itself casts it, and writes the answer. Whatever is
unusual goes to the app as it came.
"""

import dataclasses
import functools
import typing
from collections.abc import Awaitable

from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from common import ballot, connection, security
from vote import cast, head, voter

FORM = b"application/x-www-form-urlencoded"
SAME_SITE = frozenset({b"same-origin", b"none"})
START = b"HTTP/1.1 303 See Other\r\n"
HEADERS = [(b"location", b"./"), (b"cache-control", b"no-store"), (b"content-length", b"0")]
Header = tuple[bytes, bytes]
LAST = {False: b"\r\n", True: b"connection: close\r\n\r\n"}
SCHEMES = frozenset({"http", "https", "ws", "wss"})  # that uvicorn takes from a proxy


class Shortcut:
    """`app`, whose connections are of `protocol` where the server is uvicorn."""

    def __init__(self, app: security.SecurityHeaders, caster: cast.Caster) -> None:
        self._app: ASGIApp = app
        self.caster = caster
        self.options = {
            f"{page}vote={each}".encode(): each
            for page in ("", f"poll={caster.poll.edition}&")  # without, as the classic page's
            for each in caster.poll.option_ids
        }
        self._heads = {
            secure: START + _lines([*HEADERS, *app.headers(303, secure=secure)])
            for secure in (False, True)
        }
        self._common: list[Header] = []  # headers of all answers, and the same as lines
        self._common_lines = b""
        self.protocol = functools.partial(Connection, self)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, send)

    def option(self, body: bytes, headers: dict[bytes, bytes]) -> str | None:
        """What a usual vote is for; None if it is not one."""
        if headers.get(b"content-type") != FORM:
            return None
        site = headers.get(b"sec-fetch-site")
        if site not in SAME_SITE and (site is not None or b"origin" in headers):
            return None
        return self.options.get(body)

    def answer(self, filled: ballot.Ballot, common: list[Header], *, secure: bool) -> bytes:
        """The answer to this vote, but for its last lines; `common`: headers of all answers."""
        if common is not self._common:  # once a second: the date is in them
            self._common, self._common_lines = common, _lines(common)
        (name, voter_cookie), (_, choice) = self.caster.cookies(
            filled.voter_id, filled.vote, secure=secure
        )
        return b"%b%b%b: %b\r\n%b: %b\r\n" % (
            self._heads[secure],
            self._common_lines,
            name,
            voter_cookie,
            name,
            choice,
        )


@dataclasses.dataclass(slots=True)
class Casting:
    """A vote on its way to Redis: its request, the answer but for the last lines."""

    request: bytes
    answer: bytes
    is_last: bool  # the connection ends with the answer


class Connection(connection.Connection):
    """A connection to a browser, which answers usual votes by itself."""

    def __init__(self, shortcut: Shortcut, **options: typing.Any) -> None:
        super().__init__(**options)
        self._shortcut = shortcut
        self._casting: Casting | None = None
        self._refusal: cast.Refusal | None = None  # of the request that the parser is given
        self._is_ending = False  # the client says no more

    def data_received(self, data: bytes) -> None:
        if self._received or not self._is_at_rest() or not self._cast(data):
            super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # as asyncio has it
        """Whether to stay open: for the answer, to who says no more but may still listen."""
        self._is_ending = self._is_between and self._is_answering()
        return self._is_ending

    def shutdown(self) -> None:
        if self._casting is None:
            super().shutdown()
        else:
            self._casting.is_last = True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: typing.Any) -> None:
        if self._refusal is not None:
            scope: dict[str, typing.Any] = typing.cast("dict[str, typing.Any]", cycle.scope)
            scope[cast.REFUSAL], self._refusal = self._refusal, None
        super()._start_asgi_task(cycle, app)

    def _is_answering(self) -> bool:
        return self._casting is not None or super()._is_answering()

    def _is_at_rest(self) -> bool:
        """Whether all that came was answered."""
        return self._is_between and not self._is_answering() and not self.flow.write_paused

    def _go_on(self) -> None:
        super()._go_on()
        if self._is_ending and not self._is_answering():
            self.transport.close()

    def _cast(self, data: bytes) -> bool:
        """Casts the vote in `data`, if it is a usual one."""
        request = head.read(data) if len(data) <= connection.MAX_HEAD else None
        if request is None:
            return False
        shortcut, (headers, body) = self._shortcut, request
        option = shortcut.option(body, headers)
        if option is None:
            return False
        cookie = headers.get(b"cookie")
        known = cookie_parser(cookie.decode("latin-1")).get(voter.COOKIE) if cookie else None
        self._unset_keepalive_if_required()
        try:
            filled = shortcut.caster.fill(known, option)
        except cast.Refusal as refusal:
            self._refuse(data, refusal)
            return True
        told = headers.get(b"x-forwarded-proto", b"").decode("latin-1")
        secure = (told if told in SCHEMES else self.scheme) == "https"
        # Made before it is known whether it will be sent: so the answers to all votes of one push
        # leave at once, and wake whoever waits for them once.
        answer = shortcut.answer(filled, self.server_state.default_headers, secure=secure)
        self._casting = Casting(data, answer, headers.get(b"connection") == b"close")
        shortcut.caster.push_soon(filled, self._settle)
        return True

    def _settle(self, refusal: cast.Refusal | None) -> None:
        casting, self._casting = self._casting, None
        if casting is None or self.transport.is_closing():
            return
        if refusal is not None:
            self._refuse(casting.request, refusal)
            if casting.is_last and self.cycle is not None:
                self.cycle.keep_alive = False
            return
        self.server_state.total_requests += 1
        self.transport.write(casting.answer + LAST[casting.is_last])
        if casting.is_last:
            self.transport.close()
        else:
            self._go_on()

    def _refuse(self, request: bytes, refusal: cast.Refusal) -> None:
        """Lets the app say why the vote in `request` is not taken."""
        self._refusal = refusal
        self._received[:0] = request
        self._go_on()


def _lines(headers: list[Header]) -> bytes:
    return b"".join(b"%b: %b\r\n" % header for header in headers)
