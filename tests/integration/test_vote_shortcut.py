"""The short way of the usual vote is one with everything else that a connection has to do."""

import asyncio
import contextlib
import functools
import re
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from common import keys
from tests import service, store, until
from tests.integration import visitor
from tests.integration.line import FORM, GET, SCRIPT, Line, opened, vote

Client = redis.asyncio.Redis


@pytest.fixture
async def line(vote_url: str) -> AsyncIterator[Line]:
    async with opened(vote_url) as opened_line:
        yield opened_line


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("kind", "status"), [(FORM, 303), (SCRIPT, 202)])
async def test_both_ways_give_the_same_answer(
    line: Line, kind: str, status: int, scheme: str
) -> None:
    proxied = f"x-forwarded-proto: {scheme}\r\n"
    line.say(vote("a", kind + proxied))
    short = await line.answer()
    line.say(vote("a", kind.replace("\r\n", "; charset=utf-8\r\n") + proxied))
    long = await line.answer()
    assert (short.status, short.version) == (status, "HTTP/1.1") == long[:2]
    assert re.sub(rb"\d+", b"0", short.body) == re.sub(rb"\d+", b"0", long.body)
    assert len(short.body) == (
        0 if kind == FORM else len('{"vote":"a","cast_at":1764000000000000}')
    )
    assert short.headers.keys() == long.headers.keys()
    for name in short.headers.keys() - {"date", "set-cookie"}:
        assert short.headers[name] == long.headers[name], name
    shapes = [
        [re.sub("=[^;]+", "=x", cookie, count=1) for cookie in each.headers["set-cookie"]]
        for each in (short, long)
    ]
    assert shapes[0] == shapes[1]
    assert ("cross-origin-opener-policy" in short.headers) == (scheme == "https")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", short.headers["date"][0])


@pytest.mark.parametrize("behind", ["", " ", "\t", "\xa0"], ids=repr)
@pytest.mark.parametrize(
    ("header", "status_of_another"),
    [
        ("sec-fetch-site: same-origin", 403),
        ("origin: http://test", 403),
        ("x-forwarded-proto: https", 303),
    ],
)
async def test_both_ways_take_a_value_without_the_blanks_behind_it(
    line: Line, header: str, status_of_another: int, behind: str
) -> None:
    answers = []
    for kind in (FORM, FORM.replace("\r\n", "; charset=utf-8\r\n")):
        line.writer.write(vote("a", f"{kind}{header}{behind}\r\n").encode("latin-1"))
        answers.append(await line.answer())
    short, long = answers
    assert short.status == long.status == (status_of_another if behind == "\xa0" else 303)
    assert short.headers.keys() == long.headers.keys()
    secure = ["Secure" in each.headers.get("set-cookie", [""])[0] for each in answers]
    assert secure == ["https" in header] * 2


async def test_votes_of_one_packet_are_answered_one_after_the_other(
    line: Line, client: Client
) -> None:
    line.say(vote("a") + vote("z") + "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n" + vote("b"))
    answers = [await line.answer() for _ in range(4)]
    assert [each.status for each in answers] == [303, 422, 200, 303]
    assert [each["vote"] for each in await visitor.ballots(client)] == ["a", "b"]
    line.say(vote("a"))
    assert (await line.answer()).status == 303


async def test_what_comes_while_a_vote_is_on_its_way_is_answered_behind_it(
    line: Line, client: Client, stores: store.Stores
) -> None:
    line.say(vote("a"))
    assert (await line.answer()).status == 303
    await stores.redis.pause()
    for request in (vote("b"), vote("z"), vote("a"), GET[:9], GET[9:], vote("b")):
        line.say(request)
        await asyncio.sleep(0.05)  # a packet of its own
    await stores.redis.resume()
    answers = [await line.answer() for _ in range(5)]
    assert [each.status for each in answers] == [303, 422, 303, 200, 303]
    assert [each["vote"] for each in await visitor.ballots(client)] == ["a", "b", "a", "b"]
    line.say(vote("a"))
    assert (await line.answer()).status == 303


@pytest.mark.parametrize(
    "headers", [FORM, FORM + "connection: close\r\n", SCRIPT], ids=["", "close", "script"]
)
async def test_a_vote_that_is_not_taken_ends_no_more_than_another(
    line: Line, client: Client, headers: str
) -> None:
    async with store.full(client):
        line.say(vote("a", headers))
        await asyncio.sleep(0.01)
        line.say(vote("a"))
        answer = await line.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, ["2"])
        if "close" in headers:
            assert answer.headers["connection"] == ["close"]
            assert await line.is_over()
            return
        assert (await line.answer()).status == 503
    line.say(vote("a"))
    assert (await line.answer()).status == 303
    assert len(await visitor.ballots(client)) == 1


@pytest.mark.parametrize("first", [3, 60, len(vote("a")) - 1])
async def test_a_vote_in_pieces(line: Line, client: Client, first: int) -> None:
    whole = vote("a")
    line.say(whole[:first])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await line.reader.read(1)
    line.say(whole[first:])
    assert (await line.answer()).status == 303
    assert len(await visitor.ballots(client)) == 1


async def test_a_vote_behind_half_a_head_is_a_part_of_that_request(
    line: Line, client: Client
) -> None:
    line.say("GET /healthz HTTP/1.1\r\nx: y")
    await asyncio.sleep(0.05)  # a packet of its own
    line.say(vote("a"))
    assert (await line.answer()).status == 200
    line.say(vote("b"))  # what is answered next: so that was one request
    assert (await line.answer()).status == 303
    assert [each["vote"] for each in await visitor.ballots(client)] == ["b"]


async def test_a_body_without_end_is_refused_before_it_ends(line: Line) -> None:
    line.say(f"POST / HTTP/1.1\r\nhost: test\r\n{FORM}content-length: 1000000\r\n\r\nvote=a")
    await asyncio.sleep(0.05)  # a packet of its own
    line.say("&" * 100_000)
    assert (await line.answer()).status == 413


@pytest.mark.parametrize(
    "request_text",
    [vote("a", FORM + "connection: close\r\n"), vote("a", version="1.0")],
    ids=["close", "HTTP/1.0"],
)
async def test_a_last_vote_ends_the_connection(line: Line, request_text: str) -> None:
    line.say(request_text)
    answer = await line.answer()
    assert (answer.status, answer.headers["connection"]) == (303, ["close"])
    assert await line.is_over()


async def test_who_says_no_more_is_answered_all_the_same(
    line: Line, client: Client, vote_url: str
) -> None:
    line.say(vote("a"))
    line.writer.write_eof()
    assert (await line.answer()).status == 303
    assert await line.is_over()
    async with opened(vote_url) as many:
        many.say(vote("b") + vote("z") + GET + vote("a"))
        many.writer.write_eof()
        assert [(await many.answer()).status for _ in range(4)] == [303, 422, 200, 303]
        assert await many.is_over()
    async with store.full(client), opened(vote_url) as other:
        other.say(vote("b"))
        other.writer.write_eof()
        assert (await other.answer()).status == 503
        assert await other.is_over()


async def test_who_asks_first_is_told_to_go_on(line: Line) -> None:
    head, _, body = vote("a", FORM + "expect: 100-continue\r\n").partition("\r\n\r\n")
    line.say(f"{head}\r\n\r\n")
    assert (await line.answer()).status == 100
    line.say(body)
    assert (await line.answer()).status == 303


async def test_who_hangs_up_too_early_has_voted_and_disturbs_nobody(
    vote_url: str, stores: store.Stores, client: Client, line: Line
) -> None:
    line.say(vote("a"))
    assert (await line.answer()).status == 303
    await stores.redis.pause()
    line.say(vote("b"))
    async with opened(vote_url) as hasty:
        hasty.say(vote("b"))
        await asyncio.sleep(0.1)  # on its way
    await stores.redis.resume()
    assert (await line.answer()).status == 303
    await until.true(functools.partial(_has, client, 3))


@pytest.mark.parametrize("second", [GET, vote("b")], ids=["page", "vote"])
async def test_garbage_behind_a_vote_harms_nobody_else(
    stores: store.Stores, services: service.Services, second: str
) -> None:
    replica = await services.ready("vote", **stores.environment)
    async with contextlib.AsyncExitStack() as stack:
        bad, worse, *lines = [
            await stack.enter_async_context(opened(replica.url)) for _ in range(10)
        ]
        await stores.redis.pause()
        for each in lines[:2]:  # as many as there are pushes under way
            each.say(vote("a"))
            await asyncio.sleep(0.05)
        bad.say(f"{vote('a')}{second}GARBAGE\r\n\r\n")
        worse.say(vote("a"))
        await asyncio.sleep(0.05)
        worse.say(f"{second}GARBAGE\r\n\r\n")
        await asyncio.sleep(0.05)
        for each in lines[2:]:
            each.say(vote("a"))
        await asyncio.sleep(0.05)  # all in one push
        await stores.redis.resume()
        answers = [await each.answer() for each in lines]
    assert [each.status for each in answers] == [303] * len(lines)
    assert "Traceback" not in replica.log


@pytest.mark.parametrize("first", [GET, vote("a")], ids=["page", "vote"])
async def test_what_waited_behind_another_request_is_told_to_go_on(line: Line, first: str) -> None:
    head, _, body = vote("b", FORM + "expect: 100-continue\r\n").partition("\r\n\r\n")
    line.say(f"{first}{head}\r\n\r\n")
    assert (await line.answer()).status in (200, 303)
    assert (await line.answer()).status == 100
    line.say(body)
    assert (await line.answer()).status == 303


async def test_told_to_stop_it_closes_also_behind_a_refusal(
    stores: store.Stores, services: service.Services
) -> None:
    replica = await services.ready("vote", **stores.environment)
    async with opened(replica.url) as waiting:
        waiting.say(vote("a"))
        assert (await waiting.answer()).status == 303
        await stores.redis.pause()
        waiting.say(vote("b"))
        await asyncio.sleep(0.1)  # on its way
        ending = asyncio.create_task(replica.terminate())
        answer = await waiting.answer()
        assert (answer.status, answer.headers["connection"]) == (503, ["close"])
        assert await waiting.is_over()
        assert await ending == 0
    await stores.redis.resume()
    assert "error" not in replica.log.lower()


async def test_told_to_stop_it_answers_what_is_on_its_way_and_closes(
    stores: store.Stores, services: service.Services, client: Client
) -> None:
    replica = await services.ready("vote", **stores.environment)
    async with opened(replica.url) as waiting, opened(replica.url) as idle:
        for each in (waiting, idle):
            each.say(vote("a"))
            assert "connection" not in (await each.answer()).headers
        await stores.redis.pause()
        waiting.say(vote("b"))
        await asyncio.sleep(0.1)  # on its way
        ending = asyncio.create_task(replica.terminate())
        assert await idle.is_over()
        await stores.redis.resume()
        answer = await waiting.answer()
        assert (answer.status, answer.headers["connection"]) == (303, ["close"])
        assert await waiting.is_over()
        assert await ending == 0
    assert len(await visitor.ballots(client)) == 3
    assert "error" not in replica.log.lower()


async def _has(client: Client, count: int) -> bool:
    return await client.llen(keys.VOTES) == count
