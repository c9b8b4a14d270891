"""A WebSocket to a client: uvicorn's, with what it lacks in front of the open internet.

A few clients that talk without end, and read none of the answers, would take all of the service's
time, and memory without limit.
"""

import typing

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MOST_SAID = 4 * 1024  # bytes that a client may say in a period; a browser says some 50
PERIOD = 10.0  # seconds
POLICY_VIOLATION, NO_TEXT = 1008, 1007  # close codes, RFC 6455, 7.4.1


class WebSocket(WebSocketsSansIOProtocol):
    """Is closed when its client says more than `MOST_SAID` bytes in `PERIOD` seconds, unread."""

    def __init__(self, *arguments: typing.Any, **options: typing.Any) -> None:
        super().__init__(*arguments, **options)
        self._said = 0  # bytes in this period
        self._period_end = 0.0  # by the clock of the loop

    def data_received(self, data: bytes) -> None:
        if self.handshake_initiated and not self._may_say(len(data)):
            self._refuse(POLICY_VIOLATION, f"more than {MOST_SAID} bytes in {PERIOD:.0f} s")
        else:
            super().data_received(data)

    def send_receive_event_to_app(self) -> None:
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:  # uvicorn writes a traceback to the log for each
            self._refuse(NO_TEXT, "the text is not UTF-8")
        else:
            super().send_receive_event_to_app()

    def _may_say(self, length: int) -> bool:
        now = self.loop.time()
        if now >= self._period_end:
            self._said, self._period_end = 0, now + PERIOD
        self._said += length
        return self._said <= MOST_SAID

    def _refuse(self, code: int, reason: str) -> None:
        """Closes, and hears no more; the app is told like of any other end."""
        if self.transport.is_closing():
            return
        if not self.handshake_complete or self.close_sent:
            self.transport.abort()
            return
        self.conn.send_close(code, reason)
        self.handle_parser_exception()
