"""Vote, worker and result in one process, each with its own HTTP server in the same event loop."""

import asyncio
import contextlib
import importlib
import socket
from collections.abc import Callable
from dataclasses import dataclass

import pydantic

import result.settings
import vote.settings
import worker.settings
from common import server, settings, unused
from standalone import banner, options

WORKER_HOST = "127.0.0.1"
GRACE = 4  # seconds that requests in hand have after the stop
STOP_TIMEOUT = 5.0  # seconds after which what has not ended by itself is cancelled
PREPARE_TIMEOUT = 5.0  # seconds that the pages wait for the worker, which makes the tables
READY_TIMEOUT = 10.0  # seconds until somebody is told that it is not ready
READY_POLL = 0.02  # seconds


@dataclass(frozen=True)
class Configured:
    """The settings of the three services, as given by the environment."""

    vote: vote.settings.Settings
    worker: worker.settings.Settings
    result: result.settings.Settings

    @property
    def has_database(self) -> bool:
        """Whether the environment names a Postgres."""
        return not self.worker.model_fields_set.isdisjoint({"database_url", "db_host"})

    @property
    def has_redis(self) -> bool:
        """Whether the environment names a Redis."""
        return not self.worker.model_fields_set.isdisjoint({"redis_url", "redis_host"})

    def host(self, chosen: options.Options) -> str:
        """The address that the pages listen on."""
        return self.vote.host if chosen.host is None else chosen.host


@dataclass(frozen=True)
class Sockets:
    """The ports, taken before anything else is done."""

    vote: socket.socket
    result: socket.socket
    worker_port: int

    @property
    def vote_port(self) -> int:
        return int(self.vote.getsockname()[1])

    @property
    def result_port(self) -> int:
        return int(self.result.getsockname()[1])


def configure(database_url: str | None = None, redis_url: str | None = None) -> Configured:
    """Read the settings, with our own stores' addresses. A mistake ends the process, status 2."""
    given: dict[str, object] = {}
    if database_url is not None:
        given |= {"database_url": pydantic.SecretStr(database_url)}
    if redis_url is not None:
        given |= {
            "redis_url": pydantic.SecretStr(redis_url),
            "redis_username": None,
            "redis_password": None,
        }
    return Configured(
        settings.load_or_exit(vote.settings.Settings, **given),
        settings.load_or_exit(worker.settings.Settings, **given),
        settings.load_or_exit(result.settings.Settings, **given),
    )


def bind(configured: Configured, chosen: options.Options, held: contextlib.ExitStack) -> Sockets:
    """Take the ports.

    Raises:
        server.PortError: one cannot be had; it names the port and the option to change.
    """
    host = configured.host(chosen)
    change_host = options.changed("--host")
    vote_socket, result_socket = (
        held.enter_context(server.bind(host, port, options.changed(option), change_host))
        for option, port in (
            ("--vote-port", chosen.vote_port),
            ("--result-port", chosen.result_port),
        )
    )
    # The worker binds its port itself.
    change_worker = options.changed("--worker-port")
    with server.bind(WORKER_HOST, chosen.worker_port, change_worker) as probe:
        return Sockets(vote_socket, result_socket, int(probe.getsockname()[1]))


def _linked(
    configured: Configured, chosen: options.Options, sockets: Sockets
) -> tuple[vote.settings.Settings, result.settings.Settings]:
    """The settings of the pages: each is told where the other is, if not at the usual port."""
    vote_settings, result_settings = configured.vote, configured.result
    usual = options.VOTE_PORT, options.RESULT_PORT
    if (sockets.vote_port, sockets.result_port) != usual:
        host = configured.host(chosen)
        if result_settings.vote_url is None:
            address = banner.urls(host, sockets.vote_port)[-1]
            result_settings = result_settings.model_copy(update={"vote_url": address})
        if vote_settings.result_url is None:
            address = banner.urls(host, sockets.result_port)[-1]
            vote_settings = vote_settings.model_copy(update={"result_url": address})
    return vote_settings, result_settings


def load() -> None:
    """Import what takes time, to be done while the stores start."""
    unused.skip()
    for name in ("vote.app", "worker.app", "result.app"):
        importlib.import_module(name)


async def check_credentials(configured: Configured) -> None:
    """Whether stores that the environment names let us in. Raises SettingsError."""
    from common import postgres_client, redis_client

    if configured.has_database:
        await postgres_client.check_credentials(configured.worker)
    if configured.has_redis:
        await redis_client.check_credentials(configured.worker)


async def run(
    configured: Configured,
    chosen: options.Options,
    sockets: Sockets,
    stop: asyncio.Event,
    ready: Callable[[bool], None],
) -> None:
    """Run all three until `stop`. `ready` is called once they are, with False if it takes long."""
    import result.app
    import vote.app
    import worker.app

    vote_settings, result_settings = _linked(configured, chosen, sockets)
    worker_settings = configured.worker.model_copy(
        update={"host": WORKER_HOST, "port": sockets.worker_port}
    )
    worker_address = WORKER_HOST, sockets.worker_port
    tasks = {asyncio.ensure_future(worker.app.run(worker_settings, stop))}
    ended = asyncio.ensure_future(stop.wait())
    # The worker makes the tables. Result would wait for them, and warn.
    preparing = asyncio.create_task(_wait_ready([worker_address]))
    await asyncio.wait(
        {*tasks, ended, preparing}, timeout=PREPARE_TIMEOUT, return_when=asyncio.FIRST_COMPLETED
    )
    preparing.cancel()
    for app, listening, websockets in (
        (vote.app.create_app(vote_settings), sockets.vote, False),
        (result.app.create_app(result_settings), sockets.result, True),
    ):
        serving = server.serve(app, listening, stop, grace=GRACE, websockets=websockets)
        tasks.add(asyncio.ensure_future(serving))
    addresses = [worker_address, *map(_reached, (sockets.vote, sockets.result))]
    telling = asyncio.create_task(_tell(addresses, ready))
    await asyncio.wait({*tasks, ended}, return_when=asyncio.FIRST_COMPLETED)
    # One that ended by itself takes the others with it.
    stop.set()
    telling.cancel()
    await asyncio.wait(tasks, timeout=STOP_TIMEOUT)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome


def _reached(listening: socket.socket) -> tuple[str, int]:
    """The address at which this machine itself reaches the socket."""
    host, port = listening.getsockname()[:2]
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}
    return loopback.get(host, host), port


async def _tell(addresses: list[tuple[str, int]], ready: Callable[[bool], None]) -> None:
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            await _wait_ready(addresses)
    except TimeoutError:
        ready(False)
        await _wait_ready(addresses)
    ready(True)


async def _wait_ready(addresses: list[tuple[str, int]]) -> None:
    for address in addresses:
        while not await _is_ready(*address):  # noqa: ASYNC110 - asked over HTTP, as anyone would
            await asyncio.sleep(READY_POLL)


async def _is_ready(host: str, port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        return (await reader.read(64)).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False
    finally:
        writer.close()
