"""Run the ASGI app of a service until the process is asked to stop."""

import contextlib
import gc
import resource
import signal
import socket
import sys
from collections.abc import Callable, Coroutine

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from common import log, tracing
from common.settings import EXIT_STATUS, ServiceSettings, SettingsError, SettingsType, exit_with

GRACE = 8  # seconds for requests in progress; the whole process ends within 10
KEEP_ALIVE = 75  # seconds without a request; longer than the idle timeout of usual proxies, 60 s
BACKLOG = 2048  # connections that wait to be accepted
MAX_WEBSOCKET_MESSAGE = 16 * 1024  # bytes
# Bytes of a WebSocket client that wait to be read. uvicorn handles all that it reads at once before
# it turns to another client, and browsers send next to nothing.
RECEIVE_BUFFER = 16 * 1024
UNACKNOWLEDGED_TIMEOUT = 30_000  # ms until a connection whose client reads nothing is closed
MAX_FILES = 65_536  # open files and connections; many shells allow 1,024


def serve(
    create_app: Callable[[SettingsType], ASGIApp],
    settings: SettingsType,
    *,
    name: str,
    grace: int = GRACE,
    websockets: bool = False,
) -> None:
    """Serve an app until SIGTERM or SIGINT, then end the process with status 0.

    After an unexpected error in the background, the process ends with status 1. If a setting is
    wrong or the port cannot be used, one line says so and the process ends with status 2.

    Args:
        create_app: Returns the app. Its lifespan starts and stops what runs in the background.
        settings: The settings of the service, among them where to listen and how to log.
        name: The name of the service in its log.
        grace: Seconds that requests in progress have after the signal.
        websockets: Whether the app has any. Their library is only in the image of result.
    """
    _prepare(settings, status_of_signal=0)
    try:
        app = create_app(settings)
    except SettingsError as error:
        exit_with(error)
    listening = _listen(settings.host, settings.port)
    if websockets:  # inherited by accepted connections
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    address = f"{settings.host}:{settings.port}"
    structlog.get_logger(name).info("starting", version=settings.app_version, address=address)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="websockets-sansio" if websockets else "none",
            ws_max_size=MAX_WEBSOCKET_MESSAGE,
            ws_per_message_deflate=False,
            ws_ping_interval=None,  # Engine.IO has pings of its own
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            # Any proxy may name the scheme, which only decides about Secure cookies.
            forwarded_allow_ips="*",
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=grace,
        )
    )
    # Imported modules stay until the end, so the collector need not look at them again.
    gc.collect()
    gc.freeze()
    # By default, each 700 (from Python 3.12 on: 2,000) new objects start a collection of the young
    # ones, and each tenth visits older ones, too. Under load, requests then wait for collections:
    # with these numbers, the 99th percentile of the response times was 7 ms instead of 50 ms.
    gc.set_threshold(20_000, 50, 100)
    try:
        # After a graceful shutdown, uvicorn raises the signal again.
        with contextlib.suppress(SystemExit):
            server.run(sockets=[listening])
    finally:
        tracing.shutdown()
    if not server.started or server.lifespan.error_occurred:
        raise SystemExit(1)


def run(main: Coroutine[None, None, None], settings: ServiceSettings) -> None:
    """Run a one-off command. SIGTERM and SIGINT end it with status 1."""
    _prepare(settings, status_of_signal=1)
    try:
        uvloop.run(main)
    except SettingsError as error:
        exit_with(error)


def _prepare(settings: ServiceSettings, *, status_of_signal: int) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(status_of_signal))
    log.configure(settings.log_format, settings.log_level)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = f"HOST {host}, PORT {port}: cannot listen there ({error.strerror or error})"
        sys.stderr.write(f"{reason}: choose another host or port\n")
        raise SystemExit(EXIT_STATUS) from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited by accepted connections
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_TIMEOUT)
    return listening
