"""Events for all: whom they reach, and what a browser that does not read costs the others."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import psutil
import pytest
import socketio
from starlette.types import Receive, Scope, Send
from websockets import exceptions, frames
from websockets.asyncio import client as websocket

from common import websocket as websocket_limit
from result import fanout, mailbox
from tests import served, until
from tests.integration import listener

PAYLOAD = "x" * 100_000
NOOP = "6"
END = "\x1e"  # of a packet among those of one poll
EVENTS = 300  # with that payload: more than all buffers between two sockets hold


class Hall:
    """A server whose clients are all in the audience of one fan-out."""

    def __init__(self, **options: float) -> None:
        self.server = socketio.AsyncServer(async_mode="asgi", **options)
        self.fanout = fanout.Fanout(self.server)
        self.clients: dict[str, str] = {}
        self.server.on("connect", self._connect)
        self.server.on("disconnect", lambda sid, _: self.clients.pop(sid))

    def _connect(self, sid: str, *_: object) -> None:
        self.clients[sid] = self.server.manager.eio_sid_from_sid(sid, "/")

    async def emit(self, event: str, content: object) -> None:
        await self.fanout.emit(event, content, self.clients.values())


@pytest.fixture
def hall() -> Hall:
    return Hall()


@pytest.fixture
async def url(hall: Hall) -> AsyncIterator[str]:
    async with served.opened(socketio.ASGIApp(hall.server, _page), ready=False) as opened:
        yield opened


async def _page(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body"})
        return
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[websocket.ClientConnection]:
    """A bare client in the namespace, which hears nothing unless told to."""
    address = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    async with websocket.connect(address, max_size=None, max_queue=1, close_timeout=1) as client:
        assert str(await client.recv()).startswith("0{")
        await client.send("40")
        assert str(await client.recv()).startswith("40{")
        yield client


class Polling:
    """A client that polls."""

    def __init__(self, client: aiohttp.ClientSession) -> None:
        self._client = client
        self.sid = ""
        self.polls = 0

    async def get(self) -> str:
        """What waits for it, or the first that comes. Raises ClientResponseError."""
        self.polls += 1
        async with asyncio.timeout(5), self._client.get(self._path) as answer:
            answer.raise_for_status()
            return await answer.text()

    async def hears(self) -> str:
        """The first that it is told, beside what only ends a poll."""
        async with asyncio.timeout(5):
            while (words := await self.get()) == NOOP:
                pass
        return words.removeprefix(NOOP + END)

    async def post(self, words: str) -> None:
        async with asyncio.timeout(5), self._client.post(self._path, data=words) as answer:
            answer.raise_for_status()

    @property
    def _path(self) -> str:
        return "/socket.io/?EIO=4&transport=polling" + (f"&sid={self.sid}" if self.sid else "")


@contextlib.asynccontextmanager
async def polling(url: str) -> AsyncIterator[Polling]:
    """A bare client in the namespace that polls, and only when told to."""
    async with aiohttp.ClientSession(base_url=url) as client:
        poller = Polling(client)
        poller.sid = json.loads((await poller.get())[1:])["sid"]
        await poller.post("40")
        assert (await poller.get()).startswith("40{")
        yield poller


@contextlib.asynccontextmanager
async def upgrading(url: str, client: Polling) -> AsyncIterator[websocket.ClientConnection]:
    """The WebSocket of a client that polls, open and as yet silent."""
    address = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    async with websocket.connect(f"{address}&sid={client.sid}", close_timeout=1) as upgraded:
        yield upgraded


async def heard_until(upgraded: websocket.ClientConnection, last: str) -> list[str]:
    """What is heard up to `last`."""
    heard = [""]
    async with asyncio.timeout(5):
        while heard[-1] != last:
            heard.append(str(await upgraded.recv()))
    return heard[1:]


async def test_who_does_not_read_delays_nobody_and_gets_the_newest(hall: Hall, url: str) -> None:
    async with opened(url) as slow, opened(url) as quick:
        await until.true(lambda: len(hall.clients) == 2)
        for number in range(EVENTS):
            await hall.emit("scores", f"{PAYLOAD}{number}")
            async with asyncio.timeout(5):
                assert str(await quick.recv()).endswith(f'{PAYLOAD}{number}"]')
        count = 0
        async with asyncio.timeout(10):
            while not str(await slow.recv()).endswith(f'{PAYLOAD}{EVENTS - 1}"]'):
                count += 1
        assert count < EVENTS / 2  # the others were replaced by newer ones
        await hall.emit("scores", "again")
        async with asyncio.timeout(5):
            assert str(await slow.recv()) == '42["scores","again"]'


async def test_who_polls_slowly_gets_the_newest(hall: Hall, url: str) -> None:
    async with polling(url) as client:
        await until.true(lambda: len(hall.clients) == 1)
        (sid,) = hall.clients
        for number in range(100):
            await hall.emit("scores", number)
            await hall.emit("pipeline", -number)
            if number % 10 == 0:
                await hall.server.emit("message", number, to=sid)
        told = [json.loads(words.removeprefix("42")) for words in (await client.get()).split(END)]
        assert told[-2:] == [["scores", 99], ["pipeline", -99]]
        assert told[:-2] == [["message", number] for number in range(0, 100, 10)]
        await hall.emit("scores", "again")
        assert await client.hears() == '42["scores","again"]'


async def test_who_answers_pings_and_does_not_poll_is_let_go() -> None:
    hall = Hall(ping_interval=0.2, ping_timeout=0.3)
    app = socketio.ASGIApp(hall.server, _page)
    async with served.opened(app, ready=False) as url, polling(url) as client:
        await until.true(lambda: len(hall.clients) == 1)

        async def is_let_go() -> bool:
            await hall.emit("scores", "1")
            with contextlib.suppress(aiohttp.ClientResponseError):
                await client.post("3")
            return not hall.clients

        await until.true(is_let_go)
        assert not hall.server.eio.sockets


async def test_who_polls_is_kept() -> None:
    hall = Hall(ping_interval=0.2, ping_timeout=0.3)
    app = socketio.ASGIApp(hall.server, _page)
    async with served.opened(app, ready=False) as url, polling(url) as client:
        for _ in range(5):
            while "2" not in (await client.get()).split(END):
                await hall.emit("scores", "1")
            await client.post("3")
        assert len(hall.clients) == 1


async def test_who_asks_and_does_not_fetch_the_answers_is_let_go(
    hall: Hall, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailbox, "MOST_WAITING", 100)
    hall.server.on("say", lambda _, word: word)
    async with polling(url) as client:
        await until.true(lambda: len(hall.clients) == 1)

        async def is_let_go() -> bool:
            with contextlib.suppress(aiohttp.ClientResponseError):
                await client.post(END.join(['420["say","x"]'] * 16))
            await hall.emit("scores", "1")
            return not hall.clients

        await until.true(is_let_go)


async def test_what_is_not_an_event_for_all_keeps_its_order(hall: Hall, url: str) -> None:
    async with opened(url) as slow:
        await until.true(lambda: len(hall.clients) == 1)
        (sid,) = hall.clients
        for number in range(EVENTS):
            await hall.server.emit("message", f"{PAYLOAD}{number}", to=sid)
        async with asyncio.timeout(10):
            for number in range(EVENTS):
                assert str(await slow.recv()).endswith(f'{PAYLOAD}{number}"]')


async def test_a_client_that_polls_first_and_then_upgrades(
    result_url: str, tables: asyncpg.Connection
) -> None:
    listening = listener.Listener(result_url, ("message", "scores"))
    await listening.client.connect(result_url, transports=["polling", "websocket"])
    try:
        await until.true(lambda: listening.client.eio.current_transport == "websocket")
        await listening.sees(a=0, b=0)
        for number in range(3):
            await tables.execute("INSERT INTO votes (id, vote) VALUES ($1, 'a')", f"{number}")
            await listening.sees(a=number + 1, b=0)
        assert [event.name for event in listening.heard][:2] == ["message", "scores"]
        assert len(listening.of("message")) == 1
    finally:
        await listening.client.eio.disconnect(abort=True)


@pytest.mark.parametrize("words", ["", "2probe", "nonsense"])
async def test_an_upgrade_that_comes_to_nothing_holds_nothing_back(
    hall: Hall, url: str, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr(fanout, "UPGRADE_TIMEOUT", 0.5, raising=False)
    async with polling(url) as client:
        await until.true(lambda: len(hall.clients) == 1)
        async with upgrading(url, client) as attempt:
            if words:
                await attempt.send(words)
            await hall.emit("scores", "1")
            assert await client.hears() == '42["scores","1"]'
            async with asyncio.timeout(5):
                await attempt.wait_closed()
            await hall.emit("scores", "2")
            assert await client.hears() == '42["scores","2"]'
        assert client.polls < 10


@pytest.mark.parametrize("is_told", [False, True])
async def test_a_poll_under_way_is_ended_by_the_upgrade(
    hall: Hall,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    is_told: bool,
) -> None:
    """Also one that has just been told something, and has not gone on yet."""
    take_over = fanout.Channel._take_over

    def tell_and_take_over(channel: fanout.Channel) -> None:
        with pytest.raises(StopIteration):  # at once
            hall.emit("scores", "1").send(None)
        take_over(channel)

    async with polling(url) as client, upgrading(url, client) as upgraded:
        if is_told:
            monkeypatch.setattr(fanout.Channel, "_take_over", tell_and_take_over)
        waiting = hall.server.eio.sockets[client.sid].queue
        poll = asyncio.create_task(client.get())
        await until.true(lambda: bool(waiting._getters))
        await upgraded.send("2probe")
        await upgraded.send("5")
        by_poll = (await poll).split(END)
        await hall.emit("scores", "2")
        heard = by_poll + await heard_until(upgraded, '42["scores","2"]')
    events = ['42["scores","1"]'] * is_told + ['42["scores","2"]']
    assert [each for each in heard if each not in (NOOP, "3probe")] == events
    assert not [each for each in caplog.records if each.exc_info]


async def test_no_poll_is_ended_once_the_client_has_upgraded(
    hall: Hall, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fanout, "POLL_END", 0.001)
    async with polling(url) as client, upgrading(url, client) as upgraded:
        await upgraded.send("2probe")
        await upgraded.send("5")
        await until.true(lambda: bool(hall.server.eio.sockets[client.sid].upgraded))
        await hall.emit("scores", "1")
        await heard_until(upgraded, '42["scores","1"]')
        for _ in range(20):
            await (await upgraded.ping())  # several turns of the loop
        await hall.emit("scores", "2")
        assert await heard_until(upgraded, '42["scores","2"]') == ['42["scores","2"]']


async def test_who_upgrades_twice_at_once_keeps_the_first(
    hall: Hall, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        polling(url) as client,
        upgrading(url, client) as first,
        upgrading(url, client) as second,
    ):
        for each in (first, second):
            await each.send("2probe")
            assert await each.recv() == "3probe"
        await first.send("5")
        await until.true(lambda: bool(hall.server.eio.sockets[client.sid].upgraded))
        await second.send("5")
        async with asyncio.timeout(5):
            await second.wait_closed()
        await hall.emit("scores", "1")
        await heard_until(first, '42["scores","1"]')
    assert not [each for each in caplog.records if each.exc_info]


@pytest.mark.parametrize("nonsense", ["", "9", "42[", "1", "4\x00", '42{"no":"event"}'])
async def test_nonsense_ends_one_client_at_most(hall: Hall, url: str, nonsense: str) -> None:
    async with opened(url) as other, opened(url) as client:
        await client.send(nonsense)
        await hall.emit("scores", json.dumps({"a": 1}))
        async with asyncio.timeout(5):
            assert str(await other.recv()).startswith("42")


async def test_clients_that_hang_up_are_forgotten(hall: Hall, url: str) -> None:
    async with opened(url), opened(url) as second:
        await until.true(lambda: len(hall.clients) == 2)
        second.transport.abort()
        await until.true(lambda: len(hall.clients) == 1)
        await hall.emit("scores", "1")
    await until.true(lambda: not hall.clients)
    await hall.emit("scores", "2")


async def test_who_never_reads_is_let_go_by_the_kernel_too() -> None:
    hall = Hall(ping_interval=0.2, ping_timeout=0.3)
    app = socketio.ASGIApp(hall.server, _page)
    async with served.opened(app, ready=False) as url, opened(url) as client:
        port = client.local_address[1]
        await until.true(lambda: len(hall.clients) == 1)
        for number in range(EVENTS):
            await hall.emit(f"event {number}", PAYLOAD)
        assert _server_has(port)
        await until.true(lambda: not _server_has(port))


def _server_has(client_port: int) -> bool:
    return any(
        each.raddr and each.raddr.port == client_port and each.status == psutil.CONN_ESTABLISHED
        for each in psutil.Process().net_connections("tcp")
    )


@pytest.mark.parametrize("nonsense", ["7", "8", "9zzz"])
async def test_nonsense_fills_no_log(
    hall: Hall, url: str, nonsense: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(url) as client:
        await until.true(lambda: len(hall.clients) == 1)
        await client.send(nonsense)
        await until.true(lambda: not hall.clients)
    assert not [each for each in caplog.records if each.exc_info]


@pytest.mark.parametrize("blocked", [False, True])
async def test_who_answers_no_ping_is_let_go(blocked: bool) -> None:
    hall = Hall(ping_interval=0.2, ping_timeout=0.3)
    app = socketio.ASGIApp(hall.server, _page)
    async with served.opened(app, ready=False) as url, opened(url) as client:
        await until.true(lambda: len(hall.clients) == 1)
        for number in range(EVENTS if blocked else 0):
            await hall.emit(f"event {number}", PAYLOAD)
        await until.true(lambda: not hall.clients)
        await until.true(lambda: not hall.server.eio.sockets)
        async with asyncio.timeout(5):
            with pytest.raises(exceptions.ConnectionClosed):
                while True:
                    await client.recv()


async def test_who_talks_without_end_is_closed_with_a_reason(hall: Hall, url: str) -> None:
    async with opened(url) as other, opened(url) as talker:
        await until.true(lambda: len(hall.clients) == 2)
        with pytest.raises(exceptions.ConnectionClosed) as closed:
            async with asyncio.timeout(10):
                while True:
                    await talker.send("3" * 100)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == websocket_limit.POLICY_VIOLATION
        assert closed.value.rcvd.reason == "more than 4096 bytes in 10 s"
        await until.true(lambda: len(hall.clients) == 1)
        await hall.emit("scores", "1")
        async with asyncio.timeout(5):
            assert str(await other.recv()) == '42["scores","1"]'


async def test_what_comes_at_once_is_not_read_beyond_the_limit(hall: Hall, url: str) -> None:
    said: list[str] = []
    hall.server.on("say", lambda _, word: said.append(word))
    async with opened(url) as talker:
        await until.true(lambda: len(hall.clients) == 1)
        port = talker.local_address[1]
        framed = frames.Frame(frames.Opcode.TEXT, b'42["say","x"]').serialize(mask=True)
        talker.transport.write(framed * 20_000)
        await until.true(lambda: not _server_has(port))
    assert len(said) * len(framed) <= websocket_limit.MOST_SAID


async def test_a_new_period_has_room_again(
    hall: Hall, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_limit, "PERIOD", 0.0)
    async with opened(url) as talker:
        await until.true(lambda: len(hall.clients) == 1)
        for _ in range(100):
            await talker.send("3" * 100)
            await (await talker.ping())  # so that each is read by itself
        await hall.emit("scores", "1")
        async with asyncio.timeout(5):
            assert str(await talker.recv()) == '42["scores","1"]'


async def test_a_text_that_is_none_ends_the_connection_and_fills_no_log(
    hall: Hall, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(url) as client:
        await client.send(b"\xff", text=True)
        with pytest.raises(exceptions.ConnectionClosed) as closed:
            await client.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == websocket_limit.NO_TEXT
    assert not [each for each in caplog.records if each.exc_info]
