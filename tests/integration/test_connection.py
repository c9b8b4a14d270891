"""What any client may send to either service, and what it is told."""

import asyncio
import contextlib
import gc
import itertools
import socket
import struct
import time

import psutil
import pytest
import redis.asyncio

from common import connection, server
from tests import service, store, until
from tests.integration import listener, visitor
from tests.integration.line import FORM, GET, Line, opened, vote

H2C = "connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n"
JSON = (
    f"POST /api/votes HTTP/1.1\r\nhost: test\r\n{H2C}content-type: application/json\r\n"
    'content-length: 12\r\n\r\n{"vote":"b"}'
)
Client = redis.asyncio.Redis


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE", 0.5)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "KEEP_ALIVE", 1.5)


@pytest.fixture(params=["vote_url", "result_url"])
def url(request: pytest.FixtureRequest) -> str:
    """The URL of each service in turn."""
    return str(request.getfixturevalue(request.param))


async def test_who_offers_http_2_votes_by_http_1(vote_url: str, client: Client) -> None:
    async with opened(vote_url) as line:
        line.say(vote("a", FORM + H2C))
        assert (await line.answer()).status == 303
        line.say(JSON)
        assert (await line.answer()).status == 202
        line.say(vote("b"))
        assert (await line.answer()).status == 303
    assert [each["vote"] for each in await visitor.ballots(client)] == ["a", "b", "b"]


BODY = "vote=b"
INNER = vote("a")  # the body of another request, and one itself
UPGRADES = {
    each: f"connection: upgrade\r\nupgrade: {each}\r\n"
    for each in ("h2c", "foo", "TLS/1.0", "h2c, x", "websocket, h2c", "foo\r\n bar")
} | {"websocket": "connection: upgrade\r\nUPGRADE:websocket\r\n"}


@pytest.mark.parametrize("pieces", [(), (25,), (-len(BODY),)], ids=str)
@pytest.mark.parametrize("headers", UPGRADES.values(), ids=UPGRADES)
async def test_an_upgrade_is_not_offered_and_the_body_is_the_body(
    vote_url: str, client: Client, headers: str, pieces: tuple[int, ...]
) -> None:
    request = vote("b", FORM + headers)
    async with opened(vote_url) as line:
        for start, end in itertools.pairwise((0, *pieces, len(request))):
            line.say(request[start:] if end == len(request) else request[start:end])
            await asyncio.sleep(0.02)  # a packet of its own
        assert (await line.answer()).status == 303
        line.say(vote("a"))
        assert (await line.answer()).status == 303
    assert [each["vote"] for each in await visitor.ballots(client)] == ["b", "a"]


@pytest.mark.parametrize("framing", ["length", "chunks"])
@pytest.mark.parametrize("headers", UPGRADES.values(), ids=UPGRADES)
async def test_no_body_is_taken_for_a_request(
    vote_url: str, client: Client, headers: str, framing: str
) -> None:
    if framing == "length":
        headers, body = f"{headers}content-length: {len(INNER)}\r\n", INNER
    else:
        headers, body = (
            f"{headers}transfer-encoding: chunked\r\n",
            f"{len(INNER):x}\r\n{INNER}\r\n0\r\n\r\n",
        )
    async with opened(vote_url) as line:
        line.say(f"POST / HTTP/1.1\r\nhost: test\r\n{FORM}{headers}\r\n")
        await asyncio.sleep(0.02)  # a packet of its own
        line.say(body + GET + GET.replace("\r\n\r\n", f"\r\n{UPGRADES['foo']}\r\n") + vote("b"))
        assert [(await line.answer()).status for _ in range(4)] == [422, 200, 200, 303]
    assert [each["vote"] for each in await visitor.ballots(client)] == ["b"]


@pytest.mark.parametrize("ahead", ["", "\r\n", "\n", "\r"], ids=repr)
@pytest.mark.parametrize("path", ["test:80", "/"])
async def test_it_is_no_proxy(url: str, ahead: str, path: str) -> None:
    async with opened(url) as line:
        line.say(f"{ahead}CONNECT {path} HTTP/1.1\r\nhost: test\r\n")
        await asyncio.sleep(0.02)  # a packet of its own
        line.say(f"content-length: {len(INNER)}\r\n\r\n{INNER}")
        assert (await line.answer()).status == 400
        assert await line.is_over()


async def test_blanks_around_a_length_change_nothing(vote_url: str, client: Client) -> None:
    inner = f"POST / HTTP/1.1\r\n{FORM}{UPGRADES['h2c']}content-length: {len(INNER)}\r\n\r\n{INNER}"
    async with opened(vote_url) as line:
        line.say(vote("b").replace("length: 6", "length: \t6 \t") + inner)
        assert [(await line.answer()).status for _ in range(2)] == [303, 422]
        line.say(GET)
        assert (await line.answer()).status == 200
    assert [each["vote"] for each in await visitor.ballots(client)] == ["b"]


@pytest.mark.parametrize("ahead", ["\n", "\r\n", "\r\n\n"], ids=repr)
async def test_empty_lines_ahead_are_ignored(vote_url: str, client: Client, ahead: str) -> None:
    head, end, body = vote("b", FORM + UPGRADES["h2c"]).partition("connection")
    async with opened(vote_url) as line:
        for said in (ahead + head, end + body, ahead + vote("a")):
            line.say(said)
            await asyncio.sleep(0.02)  # a packet of its own
        assert [(await line.answer()).status for _ in range(2)] == [303, 303]
    assert [each["vote"] for each in await visitor.ballots(client)] == ["b", "a"]


HANDSHAKE = (
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: test\r\nupgrade: websocket\r\n"
    "connection: upgrade\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


@pytest.mark.parametrize(
    ("handshake", "status"),
    [
        (f"{HANDSHAKE}\r\n", 101),
        (f"\r\n{HANDSHAKE}\r\n", 101),
        (f"{HANDSHAKE}content-length: {len(GET)}\r\n\r\n{GET}", 400),
        (f"{HANDSHAKE}connection: close\r\n\r\n{GET}", 400),
        (f"{HANDSHAKE}transfer-encoding: chunked\r\n\r\n0\r\n\r\n{GET}", 400),
    ],
    ids=["plain", "empty line ahead", "length", "two connections", "chunks"],
)
async def test_a_handshake_has_no_body(result_url: str, handshake: str, status: int) -> None:
    async with opened(result_url) as line:
        line.say(handshake)
        assert (await line.answer()).status == status
        assert status == 101 or await line.is_over()


async def test_a_chunk_of_lines_holds_up_nobody(url: str) -> None:
    chunked = f"POST / HTTP/1.1\r\nhost: test\r\n{FORM}transfer-encoding: chunked\r\n\r\n"
    size = 16 * 2**20
    async with opened(url) as line:
        line.say(f"{chunked}{size:x}\r\n" + size * "\n" + "\r\n0\r\na: b\r\n\r\n" + GET)
        async with asyncio.timeout(2), opened(url) as other:
            other.say(GET)
            assert (await other.answer()).status == 200
        assert (await line.answer()).status in {405, 413}
        assert (await line.answer()).status == 200


@pytest.mark.parametrize(("count", "status"), [(5, 303), (10_000, 400)])
async def test_a_vote_in_chunks(vote_url: str, count: int, status: int) -> None:
    chunked = f"POST / HTTP/1.1\r\nhost: test\r\n{FORM}transfer-encoding: chunked\r\n\r\n"
    body = "vote=" + "a" * (count - 4)
    async with opened(vote_url) as line:
        line.say(chunked + "".join(f"1;x=y\r\n{each}\r\n" for each in body) + "0\r\n\r\n" + GET)
        assert (await line.answer()).status == status
        if status == 303:
            assert (await line.answer()).status == 200
        else:
            assert await line.is_over()


async def test_requests_ahead_are_answered_in_turn(url: str) -> None:
    async with opened(url) as line:
        for _ in range(2):
            line.say(GET * 1000)
            assert {(await line.answer()).status for _ in range(1000)} == {200}


@pytest.mark.parametrize("request_text", [GET, vote("a")], ids=["page", "vote"])
@pytest.mark.parametrize("module", ["vote", "result"])
async def test_who_sends_ahead_and_never_listens_takes_little_memory(
    stores: store.Stores,
    tables: object,
    services: service.Services,
    module: str,
    request_text: str,
) -> None:
    running = await services.ready(module, **stores.environment)
    process = psutil.Process(running.pid)
    before = process.memory_info().rss
    async with opened(running.url) as line:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(3):
                while True:
                    line.say(request_text * 1000)
                    await line.writer.drain()
        line.writer.transport.abort()
    assert process.memory_info().rss - before < 32 * 2**20
    await running.ready()


async def refused(line: Line, start: str, more: str) -> bool:
    """Says `more` a little too often. Whether the request was then refused, in words."""
    for said in (start, *[more * (10_000 // len(more))] * 7):
        line.say(said)
        await asyncio.sleep(0.02)  # a packet of its own
    answer = await line.answer()
    return answer.status == 400 and b"longer than 65536 bytes" in answer.body


ENDLESS = {
    "headers": ("GET / HTTP/1.1\r\nhost: test\r\n", "a: y\r\n"),
    "header": ("GET / HTTP/1.1\r\nhost: test\r\na: ", "y"),
    "path": ("GET /", "y"),
}


@pytest.mark.parametrize("endless", ENDLESS)
async def test_a_head_without_end_is_refused(url: str, endless: str) -> None:
    async with opened(url) as line:
        line.say(GET)
        assert (await line.answer()).status == 200
        assert await refused(line, *ENDLESS[endless])
        assert await line.is_over()


@pytest.mark.parametrize("excess", [0, 1])
async def test_the_limit_of_a_head_is_exact(url: str, excess: int) -> None:
    filled = GET.replace("\r\n\r\n", "\r\ncookie: \r\n\r\n")
    value = "x" * (connection.MAX_HEAD - len(filled) + excess)
    async with opened(url) as line:
        line.say(filled.replace("cookie: ", f"cookie: {value}"))
        assert (await line.answer()).status == (400 if excess else 200)


@pytest.mark.parametrize("said", ["", "GET / HT", "POST / HTTP/1.1\r\nhost:"])
async def test_who_says_nothing_whole_is_not_waited_for_without_end(
    impatient: None, url: str, said: str
) -> None:
    async with opened(url) as line:
        line.say(said)
        assert await line.is_over()
    async with opened(url) as line:
        line.say(GET + said)
        assert (await line.answer()).status == 200
        assert await line.is_over()


async def test_half_a_vote_is_not_waited_for_without_end(impatient: None, vote_url: str) -> None:
    async with opened(vote_url) as line:
        line.say(vote("a")[:-1])
        assert await line.is_over()


async def test_after_each_vote_the_next_has_as_long(patient: None, vote_url: str) -> None:
    async with opened(vote_url) as line:
        line.say(vote("a"))
        assert (await line.answer()).status == 303
        answered = time.monotonic()
        await until.true(lambda: time.monotonic() > answered + 0.2)
        said = time.monotonic()
        line.say(vote("b"))
        assert (await line.answer()).status == 303
        assert await line.is_over()
        assert time.monotonic() - said > server.KEEP_ALIVE - 0.05


async def test_a_vote_that_takes_longer_than_the_wait_is_answered_and_waited_behind(
    impatient: None, vote_url: str, stores: store.Stores
) -> None:
    async with opened(vote_url) as line:
        await stores.redis.pause()
        line.say(vote("a"))
        with pytest.raises(TimeoutError):  # neither answered nor hung up
            async with asyncio.timeout(server.KEEP_ALIVE + 0.3):
                await line.reader.read(1)
        resumed = time.monotonic()
        await stores.redis.resume()
        assert (await line.answer()).status == 303
        assert await line.is_over()
        assert time.monotonic() - resumed > server.KEEP_ALIVE - 0.05


async def test_a_websocket_may_be_silent(impatient: None, result_url: str) -> None:
    async with listener.opened(result_url) as audience:
        started = time.monotonic()
        await until.true(lambda: time.monotonic() > started + 3 * server.KEEP_ALIVE)
        heard = len(audience.of("pipeline"))
        await until.true(lambda: len(audience.of("pipeline")) > heard)


async def test_a_connection_that_was_cut_is_forgotten(url: str) -> None:
    def known() -> int:
        gc.collect()
        return sum(isinstance(each, connection.Connection) for each in gc.get_objects())

    before = known()
    for said in ("", "GET / HT", GET):
        async with opened(url) as line:
            line.say(said)
            await until.true(lambda: known() > before)
            # Closed with a reset.
            cut = line.writer.get_extra_info("socket")
            cut.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await until.true(lambda: known() == before)


async def test_lines_that_end_by_lf_alone_are_refused_at_once(url: str) -> None:
    async with opened(url) as line:
        line.say("GET / HTTP/1.1\nhost: test\n\n")
        assert (await line.answer()).status == 400


async def test_trailers_without_end_are_refused(vote_url: str) -> None:
    chunked = f"POST / HTTP/1.1\r\nhost: test\r\n{FORM}transfer-encoding: chunked\r\n\r\n"
    async with opened(vote_url) as line:
        assert await refused(line, f"{chunked}6\r\nvote=a\r\n0\r\n", "a: y\r\n")


async def test_a_long_head_is_none_without_end(url: str) -> None:
    async with opened(url) as line:
        for _ in range(3):
            line.say(GET.replace("\r\n\r\n", f"\r\ncookie: {'x' * 60_000}\r\n\r\n"))
            assert (await line.answer()).status == 200
