"""A connection to a client: uvicorn's, with what it lacks in front of the open internet."""

import asyncio
import re
import typing

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD = 64 * 1024  # bytes of a request's head, and of what is between the pieces of a body
REST_TIMEOUT = 2.0  # seconds at a stop for the rest of a request that has begun to come
MAX_LINES = 20_000  # of a body in chunks: each chunk has two that are none of its data
END = b"\r\n\r\n"
CHUNK = re.compile(rb"[0-9A-Fa-f]+")
# After a head with this header the parser takes all that follows for another protocol, also the
# body. A server may ignore it (RFC 9110, 7.8). Java's client and `curl --http2` send it at first.
UPGRADE = re.compile(rb"\r\nupgrade:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)(?=\r\n)", re.IGNORECASE)


class Flow(FlowControl):
    """Can be held: then nothing more is read, whoever asks for it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_held = False

    def hold(self) -> None:
        self._is_held = True
        self.pause_reading()

    def release(self) -> None:
        if self._is_held:
            self._is_held = False
            self.resume_reading()

    def resume_reading(self) -> None:
        if not self._is_held:
            super().resume_reading()


class Connection(HttpToolsProtocol):
    """Gives the parser one request at a time, its head as a whole and without an upgrade.

    So what a client may send ahead, and how much memory that takes, has a limit, and no part of a
    request is ever taken for another one. A head has a limit too, and so has the wait for it.
    """

    flow: Flow

    def __init__(self, *arguments: typing.Any, **options: typing.Any) -> None:
        super().__init__(*arguments, **options)
        self._received = bytearray()  # and not given to the parser yet
        self._is_between = True  # the parser is between two requests
        self._is_upgraded = False  # the transport is that of a WebSocket
        self._is_in_head = False
        self._body_left = 0  # bytes of it, or of this chunk
        self._is_in_chunks = False
        self._line = b""  # the last one between chunks
        self._lines = 0
        self._unclear = 0  # bytes since the parser came to the end of a head, or to some of a body

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = Flow(transport)
        self._wait_for_more()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()  # it would keep a connection that was cut in memory

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(REST_TIMEOUT, self._give_up)

    def _give_up(self) -> None:
        """Waits no more for the rest of a request: without it, it cannot be answered."""
        if not self._is_between and not self._is_upgraded:
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._go_on()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._go_on()

    def handle_websocket_upgrade(self) -> None:
        if any(name in (b"content-length", b"transfer-encoding") for name, _ in self.headers):
            self.send_400_response("a WebSocket handshake has no body")
            return
        self._is_upgraded = True
        self._received.clear()  # before the answer nothing may follow, RFC 6455, 4.1
        super().handle_websocket_upgrade()

    def _unsupported_upgrade_warning(self) -> None:
        # The parser takes what follows for another protocol: also CONNECT.
        self.send_400_response("this is no proxy, and no protocol but HTTP/1.1 is spoken here")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_between = False
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        self._unclear = self._lines = 0
        self._is_in_head = False
        headers = dict(self.headers)
        self._is_in_chunks = b"transfer-encoding" in headers
        self._body_left = 0 if self._is_in_chunks else int(headers.get(b"content-length", 0))
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        size = CHUNK.match(self._line)
        self._body_left = int(size[0], 16) if size else 0

    def on_body(self, body: bytes) -> None:
        self._unclear = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unclear = 0
        super().on_message_complete()
        self._is_between = True

    def send_400_response(self, msg: str) -> None:
        super().send_400_response(msg)
        # The connection is over also for the request in hand: its answer is not an error.
        if self._is_answering():
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def _is_answering(self) -> bool:
        """Whether an answer is under way."""
        return self.cycle is not None and not self.cycle.response_complete

    def _go_on(self) -> None:
        """Gives the parser what may be given to it now."""
        while self._received and not self.transport.is_closing():
            if self._is_between and self._is_answering():
                self.flow.hold()
                return
            self.flow.release()
            piece = self._next_head() if self._is_between else self._next_of_body()
            if not piece:
                break
            self._unclear += len(piece)
            super().data_received(piece)
            if self.transport.is_closing():
                break
            if self._unclear > MAX_HEAD:
                self._refuse_head()
            elif self._is_in_head:
                self.send_400_response("the head of the request is not clear")
        if not self._is_upgraded and not (self._is_between and self._is_answering()):
            self._wait_for_more()

    def _next_head(self) -> bytes:
        """A whole head; empty if it is not whole yet."""
        if self._received[0] in b"\r\n":  # a server may ignore them here, RFC 9112, 2.2
            self._received = self._received.lstrip(b"\r\n")
        end = self._received.find(END)
        length = end + len(END) if end >= 0 else len(self._received)
        if length > MAX_HEAD:
            self._refuse_head()
        elif self._received.count(b"\n", 0, length) != self._received.count(b"\r\n", 0, length):
            self.send_400_response("a line of the head ends by LF alone")
        elif end >= 0:
            return UPGRADE.sub(self._without_upgrade, self._take(length))
        return b""

    def _without_upgrade(self, header: re.Match[bytes]) -> bytes:
        is_offered = self._should_upgrade_to_ws() and header.string.startswith(b"GET ")
        return header[0] if is_offered and header[1].strip().lower() == b"websocket" else b""

    def _next_of_body(self) -> bytes:
        """As much as there is of the body, or of this chunk, alone; or the next line in between."""
        if self._body_left:
            piece = self._take(self._body_left)
            self._body_left -= len(piece)
            return piece
        length = self._received.find(b"\n") + 1
        if not self._is_in_chunks or self._lines == MAX_LINES:
            self.send_400_response("the body of the request is not clear, or in too many chunks")
        elif length:
            self._lines += 1
            self._line = self._take(length)
            return self._line
        elif len(self._received) > MAX_HEAD:
            self._refuse_head()
        return b""

    def _take(self, length: int) -> bytes:
        taken = bytes(self._received[:length])
        del self._received[:length]
        return taken

    def _refuse_head(self) -> None:
        self.send_400_response(f"the head of the request is longer than {MAX_HEAD} bytes")

    def _wait_for_more(self) -> None:
        if self.timeout_keep_alive_task is None and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
