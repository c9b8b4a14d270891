"""The HTTP client of the seed job against real connections and hostile answers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from seed import client

Answers = Callable[[bytes], bytes | None]  # None: close without an answer


@contextlib.asynccontextmanager
async def serving(answers: Answers) -> AsyncIterator[tuple[client.Address, list[int]]]:
    """A server that answers each request as told; it counts the connections."""
    connections: list[int] = []
    handlers: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        handlers.append(asyncio.current_task())  # type: ignore[arg-type]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                length = request.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                request += await reader.readexactly(int(length or 0))
                answer = answers(request)
                if answer is None:
                    break
                writer.write(answer)
                await writer.drain()
                if b"onnection: close" in answer:
                    break
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield client.Address.parse(f"http://127.0.0.1:{port}/base"), connections
    await asyncio.gather(*handlers)


@contextlib.contextmanager
def closing(address: client.Address, timeout: float = 5.0) -> Iterator[client.Client]:
    service = client.Client(address, timeout)
    with contextlib.closing(service):
        yield service


async def test_one_connection_for_many_requests_each_with_its_own_cookies() -> None:
    seen: list[bytes] = []

    def answers(request: bytes) -> bytes:
        seen.append(request)
        return (
            b"HTTP/1.1 200 OK\r\nSet-Cookie: voter_id=a.b; HttpOnly; Path=/\r\n"
            b"set-cookie: vote=a\r\ncontent-length: 2\r\n\r\nok"
        )

    async with serving(answers) as (address, connections):
        with closing(address) as service:
            answer = await service.request("GET", "/")
            assert (answer.status, answer.body) == (200, b"ok")
            assert answer.cookies == {"voter_id": "a.b", "vote": "a"}
            await service.request("POST", "/", cookies=answer.cookies, form=b"vote=b")
            await service.request("GET", "/api")
    assert len(connections) == 1
    assert seen[0].startswith(b"GET /base/ HTTP/1.1\r\n") and b"ookie" not in seen[0]
    assert b"\r\nCookie: voter_id=a.b; vote=a\r\n" in seen[1] and seen[1].endswith(
        b"\r\n\r\nvote=b"
    )
    assert seen[2].startswith(b"GET /base/api ") and b"ookie" not in seen[2]


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            200,
            b"abc",
        ),
        (b"HTTP/1.1 503 No\r\nConnection: close\r\ncontent-length: 1\r\n\r\nx", 503, b"x"),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end", 200, b"to the end"),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 204 None\r\n\r\n", 204, b""),
        (b"HTTP/1.1 303 See Other\r\nlocation: /\r\ncontent-length: 0\r\n\r\n", 303, b""),
    ],
)
async def test_every_way_to_end_an_answer(raw: bytes, status: int, body: bytes) -> None:
    async with serving(lambda request: raw) as (address, _):
        with closing(address) as service:
            for _ in range(2):
                answer = await service.request("GET", "/")
                assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"SMTP ready\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\nConnection: close\r\n\r\nhalf",
    ],
)
async def test_no_answer_is_an_error_and_the_next_request_connects_again(raw: bytes | None) -> None:
    replies = [raw, b"HTTP/1.1 204 None\r\n\r\n"]
    async with serving(lambda request: replies.pop(0)) as (address, connections):
        with closing(address) as service:
            with pytest.raises(OSError):
                await service.request("GET", "/")
            assert (await service.request("GET", "/")).status == 204
    assert len(connections) == 2


@pytest.mark.parametrize("before", range(3))
async def test_time_out_of_each_answer(before: int) -> None:
    """The first, and later ones: the time of one before does not end them."""
    replies = [b"HTTP/1.1 204 None\r\n\r\n"] * before + [b""]
    async with serving(lambda request: replies.pop(0)) as (address, _):
        with closing(address, timeout=0.2) as service:
            for _ in range(before):
                await service.request("GET", "/")
                await asyncio.sleep(0.15)
            began = time.monotonic()
            with pytest.raises(TimeoutError, match=r"no answer in 0\.2 seconds"):
                await service.request("GET", "/")
            assert time.monotonic() - began >= 0.2


async def test_nobody_listens() -> None:
    async with serving(lambda request: None) as (address, _):
        pass
    with closing(address) as service, pytest.raises(OSError):
        await service.request("GET", "/")
