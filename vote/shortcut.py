"""The short way of the usual vote: as the page's form or its script sends it, for a known option.

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

from common import connection, security
from vote import cast, head, voter, way

LAST = {False: b"\r\n", True: b"connection: close\r\n\r\n"}
SCHEMES = frozenset({"http", "https", "ws", "wss"})  # that uvicorn takes from a proxy


class Shortcut:
    """`app`, whose connections are of `protocol` where the server is uvicorn."""

    def __init__(self, app: security.SecurityHeaders, caster: cast.Caster) -> None:
        self._app: ASGIApp = app
        self.caster = caster
        self.ways = way.Ways(app, caster)
        self.protocol = functools.partial(Connection, self)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, send)


@dataclasses.dataclass(slots=True)
class Casting:
    """A vote on its way to Redis: its request, the answer but for the last lines of its head."""

    request: bytes
    head: bytes
    body: bytes
    is_last: bool  # the connection ends with the answer


class Connection(connection.Connection):
    """A connection to a browser, which answers usual votes by itself."""

    def __init__(self, shortcut: Shortcut, **options: typing.Any) -> None:
        super().__init__(**options)
        self._shortcut = shortcut
        self._casting: Casting | None = None
        self._refusal: cast.Refusal | None = None  # of the request that the parser is given
        self._is_ending = False  # the client says no more
        self._answered_at = 0.0  # by the clock of the loop

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
        shortcut, headers = self._shortcut, request.headers
        option = shortcut.ways.option(request)
        if option is None:
            return False
        cookie = headers.get(b"cookie")
        known = cookie_parser(cookie.decode("latin-1")).get(voter.COOKIE) if cookie else None
        try:
            filled = shortcut.caster.fill(known, option)
        except cast.Refusal as refusal:
            self._refuse(data, refusal)
            return True
        told = headers.get(b"x-forwarded-proto", b"").decode("latin-1").strip()  # as uvicorn does
        secure = (told if told in SCHEMES else self.scheme) == "https"
        # Made before it is known whether it will be sent: so the answers to all votes of one push
        # leave at once, and wake whoever waits for them once.
        common = self.server_state.default_headers
        answer = shortcut.ways.answer(request.path, filled, common, known=known, secure=secure)
        self._casting = Casting(data, *answer, headers.get(b"connection") == b"close")
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
        self.transport.write(casting.head + LAST[casting.is_last] + casting.body)
        if casting.is_last:
            self.transport.close()
        else:
            self._answered_at = self.loop.time()
            self._go_on()

    def timeout_keep_alive_handler(self) -> None:
        """Hangs up, unless the timer was started before the last vote: none is for each."""
        self.timeout_keep_alive_task = None
        if self._casting is not None:
            return
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def _refuse(self, request: bytes, refusal: cast.Refusal) -> None:
        """Lets the app say why the vote in `request` is not taken."""
        self._refusal = refusal
        self._received[:0] = request
        self._go_on()
