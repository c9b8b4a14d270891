"""Runs a service's ASGI app until the process is told to stop."""

import asyncio
import contextlib
import errno
import signal
import socket
import sys
import typing
from collections.abc import Callable, Coroutine, Iterable, Iterator

import uvicorn

from common import connection, file_limit, log, settings, stop_signal

GRACE = 8  # seconds for requests in hand; the whole process leaves within 10
KEEP_ALIVE = 75  # seconds without a request; longer than the idle time of the usual proxies, 60 s
BACKLOG = 2048  # connections that wait to be accepted
ACCEPTED_AT_ONCE = 16  # connections in one turn of the event loop


Main = Callable[[asyncio.Event], Coroutine[None, None, None]]  # ends soon after the event is set


class PortError(OSError):
    """The port cannot be listened on. The text says why and what to change."""


class Server(uvicorn.Server):
    """A uvicorn server that leaves signals to the process, since several may share one loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def bind(host: str, port: int, change: str = "PORT", change_host: str = "HOST") -> socket.socket:
    """A listening socket. Raises `PortError`; `change` names what to set when the port is taken."""
    try:
        infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = infos[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except (socket.gaierror, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no host name"
        raise PortError(f"host {host} is not known ({reason}): change {change_host}") from None
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise PortError(f"host {host} is not this machine: change {change_host}") from None
        reasons = {errno.EADDRINUSE: "in use", errno.EACCES: "not allowed to this user"}
        reason = reasons.get(error.errno or 0, error.strerror or str(error))
        raise PortError(f"port {port} is {reason}: choose another one by {change}") from None


async def serve(
    app: typing.Any,
    listening: socket.socket,
    stop: asyncio.Event,
    *,
    grace: int = GRACE,
    websockets: bool = True,
) -> None:
    """Serves `app` on `listening` until `stop`; requests in hand then have `grace` seconds.

    `app.protocol`, if there is one, is the HTTP protocol that its connections speak.
    `websockets`: whether the app has any, else their library is not loaded.

    Raises RuntimeError when the app could not start or the server ended by itself.
    """
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=getattr(app, "protocol", connection.Connection),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        # Whichever proxy it is: only the scheme that it tells is used, for the cookies' Secure.
        forwarded_allow_ips="*",
        timeout_graceful_shutdown=grace,
        timeout_keep_alive=KEEP_ALIVE,
        ws=_websocket() if websockets else "none",
        ws_per_message_deflate=False,
        ws_ping_interval=None,  # Engine.IO has pings of its own
    )
    server = Server(config)
    with contextlib.ExitStack() as held:
        # uvloop accepts one connection of each descriptor in a turn. In a rush there are hundreds
        # of requests in each, and the last of 256 new connections waited for more than a second.
        more = [held.enter_context(listening.dup()) for _ in range(ACCEPTED_AT_ONCE - 1)]
        serving = asyncio.create_task(server.serve([listening, *more]))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        ended_early = serving.done()
        server.should_exit = True
        await serving
    if ended_early:
        raise RuntimeError("the HTTP server ended by itself")


def _websocket() -> type[asyncio.Protocol]:
    from common import websocket

    return websocket.WebSocket


def run(
    configured: settings.Settings,
    main: Main,
    signals: Iterable[signal.Signals] = stop_signal.NUMBERS,
) -> None:
    """The body of a service's `__main__`: logging, the event loop, signals, exit status.

    Runs `main(stop)`; `signals` set `stop`.
    """
    log.configure(configured.log_format, configured.log_level)
    file_limit.lift()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(main(stop_signal.event(runner.get_loop(), signals)))
        stop_signal.block(signals)
    except settings.SettingsError as error:
        settings.exit_with(error)
    except PortError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(settings.EXIT_STATUS) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop
