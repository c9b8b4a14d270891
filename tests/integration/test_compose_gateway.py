"""The gateway of the Compose deployment, with real connections to replicas that come and go."""

import argparse
import asyncio
import contextlib
import gc
import pathlib
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from compose import gateway
from tests import service, until

ROOT = pathlib.Path(__file__).parents[2]
HOST = "127.0.0.1"
BIG = 64 * 2**20  # bytes, far beyond what the buffers on the way hold

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Replica:
    """Answers each line with its name and the line; counts its connections."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.connections = 0
        self.open = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while line := await reader.readline():
                writer.write(f"{self.name} {line.decode()}".encode())
                await writer.drain()
        finally:
            self.open -= 1


@contextlib.asynccontextmanager
async def serving(answer: Answer, port: int, host: str = HOST) -> AsyncIterator[asyncio.Server]:
    """A server whose connections all end with the block."""
    handlers: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())  # type: ignore[arg-type]
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await answer(reader, writer)
        await closed(writer)

    server = await asyncio.start_server(handle, host, port)
    try:
        yield server
    finally:
        server.close()
        for writer in writers:
            # CPython cannot abort one that was closed with bytes to send, and has sent them since.
            with contextlib.suppress(AttributeError):
                writer.transport.abort()
        await asyncio.gather(*handlers)


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def gate(port: int, target: int, host: str = HOST) -> AsyncIterator[list[str]]:
    """The gateway as the process that it is; afterwards the list has the lines of its log."""
    route = f"{port}={host}:{target}"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "compose.gateway", route), stderr=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stderr
    log = [(await process.stderr.readline()).decode()]
    assert log == [f"gateway: port {port} is {host}:{target}\n"]
    try:
        yield log
    finally:
        process.terminate()
        _, rest = await process.communicate()
        log += rest.decode().splitlines()
    assert process.returncode == 0, log


@contextlib.asynccontextmanager
async def connected(
    port: int,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        yield reader, writer
    finally:
        await closed(writer)


async def ask(port: int, line: str = "hello") -> str:
    async with connected(port) as (reader, writer):
        # In the same breath as the connection: nothing may get lost before a replica accepted.
        writer.write(f"{line}\n".encode())
        async with asyncio.timeout(5):
            return (await reader.readline()).decode().strip()


async def test_what_is_said_early_arrives() -> None:
    port, target = service.free_port(), service.free_port()
    async with (
        serving(Replica("one").answer, target),
        gate(port, target),
    ):
        answers = await asyncio.gather(*[ask(port, f"line {number}") for number in range(200)])
        assert answers == [f"one line {number}" for number in range(200)]


async def test_connections_spread_over_the_replicas_of_a_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Names are not resolved here: each address of this machine stands for a replica."""
    port, target = service.free_port(), service.free_port()
    replicas = {f"127.0.0.{number}": Replica(str(number)) for number in (1, 2, 3)}

    async def addresses(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(None, None, None, "", (address, target)) for address in replicas]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", addresses)
    async with contextlib.AsyncExitStack() as held:
        servers = {
            address: await held.enter_async_context(serving(replica.answer, target, address))
            for address, replica in replicas.items()
        }
        route = gateway.Replicas(gateway.Route(port, "vote", target))
        for _ in range(30):
            await held.enter_async_context(route.connected())
        await until.true(lambda: all(each.open == 10 for each in replicas.values()))
        # One goes away: new connections reach the others, without an error.
        servers["127.0.0.2"].close()
        for _ in range(10):
            await held.enter_async_context(route.connected())
        assert sum(each.open for each in replicas.values()) == 40
        assert replicas["127.0.0.2"].connections == 10


async def test_a_connection_waits_for_a_replica_that_is_just_starting() -> None:
    port, target = service.free_port(), service.free_port()
    async with gate(port, target):
        asking = asyncio.create_task(ask(port))
        await asyncio.sleep(2 * gateway.RETRY)
        async with serving(Replica("late").answer, target):
            assert await asking == "late hello"


@pytest.mark.parametrize("host", [HOST, "no-such-host.invalid"])
async def test_without_any_replica_the_connection_ends_and_the_log_says_why(host: str) -> None:
    port = service.free_port()
    async with gate(port, service.free_port(), host) as log, connected(port) as (reader, _):
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 4 * gateway.PATIENCE) == b""
    assert log[1:] == [f"gateway: no replica of {host} accepts a connection"]


async def test_a_client_that_leaves_leaves_the_replica_too() -> None:
    port, target, replica = service.free_port(), service.free_port(), Replica("one")
    async with (
        serving(replica.answer, target),
        gate(port, target),
    ):
        for leave in ("close", "abort"):
            async with connected(port) as (reader, writer):
                writer.write(b"hello\n")
                assert await reader.readline() == b"one hello\n"
                assert replica.open == 1
                if leave == "abort":
                    writer.transport.abort()
            await until.true(lambda: replica.open == 0)


async def test_a_client_may_end_its_question_and_still_get_the_answer() -> None:
    async def at_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        question = await reader.read()
        writer.write(b"you said " + question)

    port, target = service.free_port(), service.free_port()
    async with (
        serving(at_the_end, target),
        gate(port, target),
        connected(port) as (reader, writer),
    ):
        writer.write(b"all")
        writer.write_eof()
        async with asyncio.timeout(5):
            assert await reader.read() == b"you said all"


async def test_much_data_passes_whole_and_slowly_read_data_is_not_piled_up() -> None:
    sent = 0

    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        chunk = bytes(range(256)) * 256
        while sent < BIG:
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)

    port, target = service.free_port(), service.free_port()
    async with (
        serving(pour, target),
        gate(port, target),
        connected(port) as (reader, _),
    ):
        seen = -1
        while seen != sent:  # until nothing moves any more
            seen = sent
            await asyncio.sleep(0.3)
        assert 0 < sent < BIG
        received = await reader.read()
        assert received == bytes(range(256)) * (BIG // 256)


@pytest.mark.parametrize("text", ["8080", "8080=vote", "x=vote:8080", "8080=:8080"])
def test_a_route_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="must look like 8080=vote:8080"):
        gateway.route(text)


async def test_a_connection_is_not_taken_for_garbage() -> None:
    """The event loop keeps no task by itself, and a connection that is cut lets go of its own."""
    port, target = service.free_port(), service.free_port()
    replica, problems = Replica("one"), []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: problems.append(context["message"]))
    server = await gateway.listen(gateway.Route(port, HOST, target), HOST)
    async with serving(replica.answer, target), server:
        for _ in range(5):
            _, writer = await asyncio.open_connection(HOST, port)
            await until.true(lambda: replica.open == 1)
            # A reset, not an end.
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.close()
            while replica.open:
                gc.collect()
                await asyncio.sleep(0)
    assert problems == []
