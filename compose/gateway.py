"""`python -m compose.gateway 8080=vote:8080 …`: one published port for all replicas of a service.

A host port can belong to one container only, so that `--scale vote=3` needs something in front.
This passes TCP connections on, unread: each goes to the replica with the fewest, and to another
one when that does not accept it. It asks the name server again and again: replicas come and go.
"""

import argparse
import asyncio
import collections
import contextlib
import random
import re
import signal
import socket
import sys
import time
import typing
from collections.abc import AsyncIterator, Callable, Sequence

CONNECT_TIMEOUT = 1.0  # seconds for one replica
PATIENCE = 5.0  # seconds a connection waits for any replica to accept it
RETRY = 0.1  # seconds between two rounds through all replicas
KNOWN_FOR = 1.0  # seconds that an answer of the name server is used
BACKLOG = 2048  # connections that wait to be accepted
CHUNK = 64 * 1024  # bytes that are passed on at once

Address = tuple[str, int]
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NoReplicaError(Exception):
    """No replica accepts a connection. The text says of which service."""


class Route(typing.NamedTuple):
    """A port to listen on, and the service behind it."""

    port: int
    host: str
    host_port: int


class Replicas:
    """The addresses of one service, and how many connections each has now."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._addresses: list[Address] = []
        self._until = 0.0
        self._open: collections.Counter[Address] = collections.Counter()

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Streams]:
        """A connection to the least busy replica that accepts one. Raises NoReplicaError."""
        address, (reader, writer) = await self._connect()
        self._open[address] += 1
        try:
            yield reader, writer
        finally:
            self._open[address] -= 1
            writer.close()

    async def _connect(self) -> tuple[Address, Streams]:
        give_up = time.monotonic() + PATIENCE
        while True:
            for address in await self._by_load():
                try:
                    async with asyncio.timeout(CONNECT_TIMEOUT):
                        return address, await asyncio.open_connection(*address)
                except OSError:  # TimeoutError, too
                    self._until = 0.0
            if time.monotonic() > give_up:
                raise NoReplicaError(f"no replica of {self._route.host} accepts a connection")
            await asyncio.sleep(RETRY)

    async def _by_load(self) -> list[Address]:
        now = time.monotonic()
        if now >= self._until:
            with contextlib.suppress(socket.gaierror):  # no replica at the moment
                found = await asyncio.get_running_loop().getaddrinfo(
                    self._route.host, self._route.host_port, type=socket.SOCK_STREAM
                )
                self._addresses = [(str(info[4][0]), int(info[4][1])) for info in found]
                self._until = now + KNOWN_FOR
        shuffled = random.sample(self._addresses, len(self._addresses))
        return sorted(shuffled, key=lambda address: self._open[address])


class Gateway:
    """Passes on what comes to one port."""

    def __init__(self, route: Route) -> None:
        self._replicas = Replicas(route)
        # The event loop keeps no task by itself: one whose client is cut off would be garbage.
        self._accepted: set[asyncio.Task[None] | None] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, from its first byte to its last."""
        task = asyncio.current_task()
        self._accepted.add(task)
        try:
            async with self._replicas.connected() as (back_reader, back_writer):
                asking = asyncio.create_task(_ask(reader, back_writer))
                try:
                    # A replica that has ended has no more to say, whatever the client still sends.
                    await _pass_on(back_reader, writer)
                finally:
                    asking.cancel()
        except NoReplicaError as error:
            sys.stderr.write(f"gateway: {error}\n")
            writer.transport.abort()
        except OSError:  # one of the two has hung up
            writer.transport.abort()
        finally:
            self._accepted.discard(task)
            writer.close()


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """What the client says, to its replica. A client that hangs up ends both directions."""
    try:
        await _pass_on(reader, writer)
    except OSError:
        writer.transport.abort()
    else:
        if writer.can_write_eof():
            writer.write_eof()  # the answer may still come


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(CHUNK):
        writer.write(data)
        await writer.drain()  # a slow reader slows down its writer: nothing piles up in here


async def listen(route: Route, host: str = "0.0.0.0") -> asyncio.Server:
    """Passes on what comes to the port of `route`. Raises OSError when the port is taken."""
    return await asyncio.start_server(Gateway(route).accept, host, route.port, backlog=BACKLOG)


async def serve(routes: Sequence[Route]) -> None:
    """Passes connections on until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    servers = [await listen(route) for route in routes]
    for route in routes:
        sys.stderr.write(f"gateway: port {route.port} is {route.host}:{route.host_port}\n")
    await stop.wait()
    for server in servers:
        server.close()


def route(text: str) -> Route:
    """Parses `8080=vote:8080`. Raises ArgumentTypeError."""
    found = re.fullmatch(r"(\d{1,5})=([^\s:=]+):(\d{1,5})", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is no route: it must look like 8080=vote:8080")
    return Route(int(found[1]), found[2], int(found[3]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m compose.gateway", description=__doc__)
    parser.add_argument("route", nargs="+", type=route, help="for example 8080=vote:8080")
    routes = parser.parse_args().route
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(serve(routes))
    except OSError as error:
        sys.stderr.write(f"gateway: {error}\n")
        raise SystemExit(2) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # slower, else the same
        return None
    return uvloop.new_event_loop


if __name__ == "__main__":
    main()
