"""What the load of the benchmarks sends: what a browser would, and vote takes it."""

import asyncio
import itertools
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import pytest
import redis.asyncio

from bench import request, wrk
from common import keys

NEEDS_WRK = pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
END = b"\r\n\r\n"


async def send(url: str, sent: request.Request, cookie: str | None) -> int:
    headers = {"Content-Type": sent.media_type, **({"Cookie": cookie} if cookie else {})}
    jar = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as client,
        client.post(
            f"{url}/{sent.path}", data=sent.body.encode(), headers=headers, allow_redirects=False
        ) as answer,
    ):
        return answer.status


async def test_a_vote_by_the_script_is_that_of_who_has_seen_the_page(
    vote_url: str, client: redis.asyncio.Redis
) -> None:
    seen = await request.visits(vote_url, 3)
    sent = request.by_script(seen, "b")
    assert [await send(vote_url, sent, cookie) for cookie in sent.cookies] == [202] * 3
    taken = [json.loads(each) for each in await client.lrange(keys.VOTES, 0, -1)]
    assert [f"voter_id={each['voter_id']}" for each in taken] == [
        each.cookie.partition(".")[0] for each in seen
    ]
    assert len({each["voter_id"] for each in taken}) == 3
    assert {each["vote"] for each in taken} == {"b"}


async def test_a_vote_by_the_form_is_of_the_poll_that_was_seen(vote_url: str) -> None:
    [seen] = await request.visits(vote_url, 1)
    assert await send(vote_url, request.by_form(seen, "a"), None) == 303
    other = seen._replace(edition="another")
    assert await send(vote_url, request.by_form(other, "a"), None) == 409
    assert await send(vote_url, request.by_script([other], "a"), seen.cookie) == 409


async def test_a_page_without_a_cookie_is_no_visit(vote_url: str) -> None:
    with pytest.raises(RuntimeError, match="answered 200 without a poll and a cookie"):
        await request.visits(f"{vote_url}/healthz", 1)


class Listener:
    """Answers each request, and counts them: the first line, two headers, the body."""

    def __init__(self) -> None:
        self.got: Counter[tuple[str, str, str, str]] = Counter()

    async def hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                first, *lines = (await reader.readuntil(END)).removesuffix(END).split(b"\r\n")
                headers = {
                    name.decode().lower(): value.decode()
                    for name, _, value in (line.partition(b": ") for line in lines)
                }
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                told = (headers.get("content-type", ""), headers.get("cookie", ""))
                self.got[first.decode(), *told, body.decode()] += 1
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@pytest.fixture
async def listener() -> AsyncIterator[tuple[str, Listener]]:
    listening = Listener()
    server = await asyncio.start_server(listening.hear, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", listening
    server.close()


@NEEDS_WRK
async def test_each_cookie_has_its_turn(listener: tuple[str, Listener]) -> None:
    url, listening = listener
    seen = [request.Visit("1e", f"voter_id={number}") for number in range(5)]
    load = await wrk.run(url, request.by_script(seen, "a"), connections=2, seconds=1)
    assert load.errors == 0
    assert set(listening.got) == {
        ("POST /api/votes HTTP/1.1", "application/json", each.cookie, '{"vote":"a","poll":"1e"}')
        for each in seen
    }
    counts = listening.got.values()
    assert all(abs(one - other) <= 1 for one, other in itertools.combinations(counts, 2))


@NEEDS_WRK
@pytest.mark.parametrize(
    ("sent", "got"),
    [
        (request.PAGE, ("GET / HTTP/1.1", "", "", "")),
        (
            request.by_form(request.Visit("1e", ""), "b"),
            ("POST / HTTP/1.1", "application/x-www-form-urlencoded", "", "poll=1e&vote=b"),
        ),
    ],
)
async def test_without_cookies_each_request_is_the_same(
    listener: tuple[str, Listener], sent: request.Request, got: tuple[str, str, str, str]
) -> None:
    url, listening = listener
    await wrk.run(url, sent, connections=2, seconds=1)
    assert set(listening.got) == {got}
