"""The cost that one client of the live channel can cause."""

import asyncio
import datetime
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import socketio
import structlog.testing
from starlette.applications import Starlette
from starlette.types import Message
from websockets.asyncio.client import ClientConnection, connect

from common.poll import Poll
from result.channel_guard import ChannelGuard
from result.live import Client, Live
from result.metrics import Metrics
from result.tallies import Tally
from tests import served, until

PATH = "/socket.io/?EIO=4&transport="
PAYLOAD = "x" * 100_000
BROADCASTS = 300  # with this payload, more than all buffers between two sockets hold


async def nothing() -> dict[str, Any]:
    return {}


class Hall:
    """A live channel, and how many browsers listen."""

    def __init__(self, max_sessions: int = 1_000, ping: tuple[float, float] = (10, 10)) -> None:
        self.metrics = Metrics()
        self.live = Live(Poll("?", {}), self.metrics, dict, nothing, ping)
        channel = socketio.ASGIApp(self.live.server, Starlette())
        self.app = ChannelGuard(channel, self.live.server, max_sessions)

    @property
    def browsers(self) -> float | None:
        return self.metrics.registry.get_sample_value("result_browsers")

    async def send(self, number: int) -> None:
        await self.live.send_scores(Tally({PAYLOAD: number}, datetime.datetime.now(datetime.UTC)))


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.fixture
async def url(hall: Hall) -> AsyncIterator[str]:
    async with served.opened(hall.app, ready=False) as opened:
        yield opened


async def join(connection: ClientConnection) -> None:
    """Enter the namespace as a client that reads nothing unless asked to."""
    assert str(await connection.recv()).startswith("0{")
    await connection.send("40")


def open_websocket(url: str, sid: str = "", **options: Any) -> connect:
    address = url.replace("http", "ws") + f"{PATH}websocket" + (f"&sid={sid}" if sid else "")
    return connect(address, max_size=None, max_queue=1, close_timeout=1, **options)


async def read_scores(connection: ClientConnection, number: int) -> int:
    """Read until the scores are `number`, and return how many scores came."""
    count = 0
    async with asyncio.timeout(10):
        while True:
            text = str(await connection.recv())
            if text.startswith('42["scores"'):
                count += 1
                if json.loads(json.loads(text[2:])[1])[PAYLOAD] == number:
                    return count


async def test_a_slow_reader_delays_nobody_and_gets_the_newest(hall: Hall, url: str) -> None:
    async with open_websocket(url) as slow, open_websocket(url) as quick:
        await join(slow)
        await join(quick)
        await until.true(lambda: hall.browsers == 2)
        for number in range(BROADCASTS):
            await hall.send(number)
            await read_scores(quick, number)
        assert await read_scores(slow, BROADCASTS - 1) < BROADCASTS / 2
        await hall.send(BROADCASTS)
        assert await read_scores(slow, BROADCASTS) == 1


async def test_a_client_gets_the_newest_event_of_each_kind_one_by_one() -> None:
    sent: list[str] = []
    can_send = asyncio.Semaphore(0)

    async def send(message: Message) -> None:
        sent.append(message["text"])
        await can_send.acquire()

    client = Client(send)
    client.offer("scores", {"text": "scores 1"})
    await until.true(lambda: len(sent) == 1)
    for text in ("pipeline 1", "scores 2", "pipeline 2", "scores 3"):
        client.offer(text.split()[0], {"text": text})
    can_send.release()
    await until.true(lambda: len(sent) == 2)
    can_send.release()
    await until.true(lambda: len(sent) == 3)
    assert sent == ["scores 1", "pipeline 2", "scores 3"]


async def read_packets(client: aiohttp.ClientSession, path: str) -> list[str]:
    async with client.get(path) as answer:
        assert answer.status == 200
        return (await answer.text()).split("\x1e")


async def test_a_websocket_gets_its_acknowledgement_before_the_first_event(url: str) -> None:
    for _ in range(20):
        async with open_websocket(url) as client:
            await join(client)
            async with asyncio.timeout(5):
                first, second = [str(await client.recv()) for _ in range(2)]
            assert first.startswith("40{")
            assert second.startswith('42["message"')


async def test_a_poll_gets_its_acknowledgement_before_the_first_event(url: str) -> None:
    for _ in range(20):
        async with aiohttp.ClientSession(url) as client:
            sid = json.loads((await read_packets(client, f"{PATH}polling"))[0][1:])["sid"]
            path = f"{PATH}polling&sid={sid}"
            async with client.post(path, data="40") as answer:
                assert answer.status == 200
            packets: list[str] = []
            async with asyncio.timeout(5):
                while len(packets) < 2:
                    packets += await read_packets(client, path)
            assert packets[0].startswith("40{")
            assert packets[1].startswith('42["message"')


@pytest.mark.parametrize("is_blocked", [False, True])
async def test_a_client_that_answers_no_ping_is_forgotten(is_blocked: bool) -> None:
    hall = Hall(ping=(0.2, 0.3))
    async with served.opened(hall.app, ready=False) as url, open_websocket(url) as client:
        await join(client)
        await until.true(lambda: hall.browsers == 1)
        for number in range(BROADCASTS if is_blocked else 0):
            await hall.send(number)
        await until.true(lambda: hall.browsers == 0)


async def test_polling_sessions_are_limited_and_websockets_are_not() -> None:
    hall = Hall(max_sessions=2)
    async with (
        served.opened(hall.app, ready=False) as url,
        aiohttp.ClientSession(url) as client,
        open_websocket(url),
        open_websocket(url),
    ):
        sids = []
        for _ in range(2):
            async with client.get(f"{PATH}polling") as answer:
                sids.append(json.loads((await answer.text())[1:])["sid"])
        async with client.get(f"{PATH}polling") as answer:
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) > 0
        async with client.post(f"{PATH}polling&sid={sids[0]}", data="40") as answer:
            assert answer.status == 200
        async with open_websocket(url) as websocket:
            await join(websocket)
            await until.true(lambda: hall.browsers == 2)
        # What ended a moment ago still costs memory.
        async with client.post(f"{PATH}polling&sid={sids[1]}", data="1") as answer:
            assert answer.status == 200
        async with client.get(f"{PATH}polling&sid={sids[1]}") as answer:
            assert answer.status == 400
        async with client.get(f"{PATH}polling") as answer:
            assert answer.status == 503


async def test_half_an_upgrade_is_a_bad_request(url: str) -> None:
    async with aiohttp.ClientSession(url) as client:
        upgrade = {"Upgrade": "websocket"}  # without Connection: upgrade
        async with client.get(f"{PATH}websocket", headers=upgrade) as answer:
            assert answer.status == 400


async def test_a_page_of_another_host_cannot_listen_and_is_logged_once(url: str) -> None:
    foreign = {"origin": "http://foreign.test"}
    with structlog.testing.capture_logs() as logs:
        async with aiohttp.ClientSession(url) as client:
            for _ in range(2):
                async with client.get(f"{PATH}polling", headers=foreign) as answer:
                    assert answer.status == 400
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await client.ws_connect(f"{PATH}websocket", headers=foreign)
            async with client.ws_connect(f"{PATH}websocket", headers={"origin": url}):
                pass
    assert [entry["origin"] for entry in logs if "origin" in entry] == ["http://foreign.test"]
