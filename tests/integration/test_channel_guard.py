"""Hostile clients of the live channel: nothing grows, and nothing of them stays."""

import asyncio
import contextlib
import json
import random
import socket
import time
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest
import socketio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests import served, until
from tests.integration.listener import opened as opened_listener
from tests.integration.test_result_clients import PATH, Hall, join, open_websocket

LONG = "n" * 8_000
PACKETS = (
    "", "0", "1", "2", "2probe", "3", "4", "40", "40{}", '40{"page":"system"}', "40/foo,", "41",
    "42", '42["x"]', "43[]", "44{}", '451-["x",{"_placeholder":true,"num":0}]', "5", "6", "b4AAAA",
    "d=40", "40\x1e40", "40\x1e1", "1\x1e40", "3\x1e3", f"40/{LONG}", "40{", "9", "x", "\xff",
)  # fmt: skip


@pytest.fixture
def hall() -> Hall:
    return Hall(ping=(1.0, 1.0))


@pytest.fixture
async def url(hall: Hall) -> AsyncIterator[str]:
    async with served.opened(hall.app, ready=False) as opened:
        yield opened


async def is_empty(hall: Hall) -> None:
    """Wait until no session and no browser is left, here and in the libraries."""
    server = hall.live.server

    def left() -> tuple[object, ...]:
        manager = server.manager
        return (
            server.eio.sockets, server.environ, manager.rooms, manager.pending_connect,
            manager.pending_disconnect, hall.live.browsers,
        )  # fmt: skip

    await until.true(lambda: not any(left()), what=left)
    await until.true(lambda: not hall.browsers)


@contextlib.asynccontextmanager
async def polling(url: str) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    """Open a session that polls, and yield the path of its requests."""
    async with aiohttp.ClientSession(url) as client:
        async with client.get(f"{PATH}polling") as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        yield client, f"{PATH}polling&sid={sid}"


async def post(client: aiohttp.ClientSession, path: str, packets: str) -> int:
    """Send packets and return the status of the answer."""
    async with client.post(path, data=packets.encode("latin-1")) as answer:
        return answer.status


async def read_close(connection: ClientConnection) -> int | None:
    """Read until the server closes the connection, and return its code."""
    with contextlib.suppress(ConnectionClosed):
        async with asyncio.timeout(5):
            while True:
                await connection.recv()
    return connection.close_code


@pytest.mark.parametrize(
    "packet",
    [
        '451-["x",{"_placeholder":true,"num":0}]', f"40/{LONG}", "40/foo,",
        f'40{{"page":"{LONG}"}}', '42["x"]', "2", "5", "40", "", b"x",
    ],
    ids=str,
)  # fmt: skip
async def test_a_websocket_that_says_more_than_a_browser_is_closed(
    hall: Hall, url: str, packet: str | bytes
) -> None:
    async with open_websocket(url) as client:
        await join(client)
        await until.true(lambda: hall.browsers == 1)
        await client.send(packet)
        assert await read_close(client) == 1008
        await is_empty(hall)


@pytest.mark.parametrize("packets", ['42["x"]', "40/foo,", "40\x1e40", "1\x1e40", "2", "", "3"])
async def test_a_post_that_says_more_than_a_browser_ends_the_session(
    hall: Hall, url: str, packets: str
) -> None:
    async with polling(url) as (client, path):
        assert await post(client, path, packets) == 400
        assert await post(client, path, "40") == 400
    await is_empty(hall)


async def test_connecting_and_leaving_in_one_post_leaves_nothing(hall: Hall, url: str) -> None:
    async with polling(url) as (client, path):
        assert await post(client, path, "40\x1e1") == 200
    await is_empty(hall)


async def test_a_session_keeps_only_what_is_needed_of_the_headers(hall: Hall, url: str) -> None:
    async with aiohttp.ClientSession(url, headers={"x-long": LONG[:4_000]}) as client:
        async with client.get(f"{PATH}polling") as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        assert await post(client, f"{PATH}polling&sid={sid}", "40") == 200
        await until.true(lambda: hall.browsers == 1)
        (environ,) = hall.live.server.environ.values()
        assert "HTTP_HOST" in environ
        assert LONG[:4_000] not in str(environ)


@pytest.mark.parametrize(
    ("more", "headers"),
    [
        (f"&x={LONG[:1000]}", {}),
        ("", {"x-forwarded-host": LONG[:1000]}),
        ("", {"x": LONG, "y": LONG}),
    ],
    ids=["address", "kept", "header"],
)
async def test_a_long_head_opens_no_session(
    hall: Hall, url: str, more: str, headers: dict[str, str]
) -> None:
    async with (
        aiohttp.ClientSession(url, headers=headers) as client,
        client.get(f"{PATH}polling{more}") as answer,
    ):
        assert answer.status == 431
    with pytest.raises(InvalidStatus):
        address = url.replace("http", "ws")
        await connect(f"{address}{PATH}websocket{more}", additional_headers=headers)
    assert not hall.live.server.eio.sockets


async def test_a_client_that_does_not_read_is_gone_after_a_while(hall: Hall, url: str) -> None:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port or 80)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        async with open_websocket(url, sock=connection) as client:
            await join(client)
            await until.true(lambda: hall.browsers == 1)
            client.transport.pause_reading()
            async with asyncio.timeout(10):
                while hall.browsers:
                    await hall.send(random.randrange(10**9))
                    await client.send("3")  # it is alive, and answers
                    await asyncio.sleep(0.01)


async def test_connecting_and_leaving_at_the_same_time_leaves_nothing(hall: Hall, url: str) -> None:
    async def come_and_go() -> None:
        async with polling(url) as (client, path):
            await asyncio.gather(post(client, path, "40"), post(client, path, "1"))

    for _ in range(10):
        await asyncio.gather(*(come_and_go() for _ in range(20)))
    await is_empty(hall)


async def test_a_client_that_connects_after_its_ping_timeout_leaves_nothing(
    hall: Hall, url: str
) -> None:
    async with polling(url) as (client, path):
        session = hall.live.server.eio.sockets[path.rpartition("=")[2]]
        # Engine.IO has sent a ping, and looks only once in a while whether the time is over.
        session.last_ping = time.time() - 10
        await post(client, path, "40")
        await is_empty(hall)


@pytest.mark.parametrize(
    ("method", "more"), [("HEAD", ""), ("OPTIONS", ""), ("PUT", ""), ("GET", "&j=x")]
)
async def test_a_pong_without_a_poll_ends_the_session(
    hall: Hall, url: str, method: str, more: str
) -> None:
    async with polling(url) as (client, path):
        assert await post(client, path, "40") == 200
        async with client.get(path) as answer:
            assert (await answer.text()).startswith("40")
        assert await post(client, path, "3") == 200
        async with client.request(method, path + more):  # no poll
            pass
        assert await post(client, path, "3") == 400
    await is_empty(hall)


async def test_a_second_poll_at_the_same_time_ends_the_session() -> None:
    hall = Hall(ping=(60, 60))  # until the ping, the first one waits

    async def poll(client: aiohttp.ClientSession, path: str) -> int:
        async with client.get(path) as answer:
            return answer.status

    async with served.opened(hall.app, ready=False) as url, polling(url) as (client, path):
        async with asyncio.timeout(10):
            statuses = await asyncio.gather(*(poll(client, path) for _ in range(2)))
        assert sorted(statuses) == [200, 400]
        await is_empty(hall)


@pytest.mark.parametrize("steps", [[], ["2probe"], ["5"], ["2probe", "40"]], ids=str)
async def test_half_an_upgrade_ends_the_session(steps: list[str]) -> None:
    hall = Hall(ping=(60, 60))  # its end is not a ping timeout
    async with served.opened(hall.app, ready=False) as url, polling(url) as (client, path):
        sid = path.rpartition("=")[2]
        async with open_websocket(url, sid=sid) as websocket:
            for step in steps:
                await websocket.send(step)
        await is_empty(hall)
        assert await post(client, path, "40") == 400


async def test_the_path_without_its_last_slash_is_guarded(hall: Hall, url: str) -> None:
    address = f"{url.replace('http', 'ws')}/socket.io?EIO=4&transport=websocket"
    async with connect(address, close_timeout=1) as client:
        await join(client)
        await until.true(lambda: hall.browsers == 1)
        await client.send("40/foo,")
        assert await read_close(client) == 1008
    await is_empty(hall)


async def test_a_websocket_cannot_open_a_session_that_polls(hall: Hall, url: str) -> None:
    address = f"{url.replace('http', 'ws')}/socket.io/?EIO=4&transport=polling"
    with pytest.raises(InvalidStatus, match="403"):
        async with connect(address, close_timeout=1):
            pass
    assert not hall.live.server.eio.sockets


async def test_a_session_upgrades_once(hall: Hall, url: str) -> None:
    async with polling(url) as (client, path):
        sid = path.rpartition("=")[2]
        assert await post(client, path, "40") == 200
        async with open_websocket(url, sid=sid) as websocket:
            await websocket.send("2probe")
            assert await websocket.recv() == "3probe"
            await websocket.send("5")
            with pytest.raises(Exception, match="403"):
                async with open_websocket(url, sid=sid):
                    pass
            await until.true(lambda: hall.browsers == 1)
    await is_empty(hall)


@pytest.mark.parametrize(
    "transports", [["websocket"], ["polling"], ["polling", "websocket"]], ids=str
)
async def test_a_client_that_leaves_is_not_counted(
    hall: Hall, url: str, transports: list[str]
) -> None:
    welcomes: list[object] = []
    async with aiohttp.ClientSession() as session:
        client = socketio.AsyncClient(http_session=session)
        client.on("message", welcomes.append)
        await client.connect(url, transports=transports)
        await until.true(lambda: hall.browsers == 1 and len(welcomes) == 1)
        await client.disconnect()
        await is_empty(hall)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_a_client_that_vanishes_is_not_counted(hall: Hall, url: str, transport: str) -> None:
    async with opened_listener(url, ["message"], transport) as listening:
        await until.true(lambda: hall.browsers == 1 and len(listening.of("message")) == 1)
    await is_empty(hall)


# Now and then aiohttp leaves a connection to the garbage collector, which then warns.
@pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")
async def test_random_packets_leave_nothing(
    hall: Hall, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(28)

    async def play() -> None:
        packets = [chance.choice(PACKETS) for _ in range(chance.randrange(1, 6))]
        with contextlib.suppress(ConnectionClosed, aiohttp.ClientError, OSError):
            if chance.random() < 0.5:
                async with open_websocket(url) as websocket:
                    for packet in packets:
                        await websocket.send(packet, text=chance.random() < 0.9)
                    if chance.random() < 0.5:
                        await read_close(websocket)
            else:
                async with polling(url) as (client, path):
                    for packet in packets:
                        await post(client, path, packet)
                        if chance.random() < 0.3:
                            async with client.get(path) as answer:
                                await answer.read()

    async with asyncio.timeout(20):
        for _ in range(8):
            await asyncio.gather(*(play() for _ in range(20)))
    await is_empty(hall)
    assert not caplog.records
