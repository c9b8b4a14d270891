"""The result service for programs and operators."""

import datetime
import functools
import json
import re
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pydantic
import pytest
import redis.asyncio

from common import keys, security
from result import app, pipeline, settings, tally
from tests import served, store, until
from tests.integration import listener

CLASSIC = "SELECT vote, COUNT(id) AS count FROM votes GROUP BY vote"


async def results(url: str) -> dict[str, object]:
    status, headers, text = await listener.get(url, "/api/results")
    assert (status, headers["cache-control"]) == (200, "no-store")
    content: dict[str, object] = json.loads(text)
    return content


async def test_results_are_what_the_classic_result_page_counts(
    result_url: str, tables: asyncpg.Connection
) -> None:
    assert (await results(result_url))["total"] == 0
    before = datetime.datetime.now(datetime.UTC)
    await tables.execute(
        "INSERT INTO votes (id, vote) "
        "SELECT n, CASE n % 3 WHEN 0 THEN 'b' ELSE 'a' END FROM generate_series(1, 3000) AS n"
    )

    async def counted() -> bool:
        return (await results(result_url))["total"] == 3000

    await until.true(counted)
    classic = dict(await tables.fetch(CLASSIC))
    told = await results(result_url)
    as_of = datetime.datetime.fromisoformat(str(told.pop("as_of")))
    assert before <= as_of <= datetime.datetime.now(datetime.UTC)
    assert told == {
        "title": "Cats vs Dogs!",
        "options": [
            {"id": "a", "name": "Cats", "votes": classic["a"]},
            {"id": "b", "name": "Dogs", "votes": classic["b"]},
        ],
        "total": 3000,
        "final": False,
    }


async def test_health_and_metrics(result_url: str, tables: asyncpg.Connection) -> None:
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'a'), ('3', 'b')")
    async with listener.opened(result_url) as audience:
        await audience.sees(a=2, b=1)
        await tables.execute("UPDATE votes SET vote = 'b' WHERE id = '1'")
        await audience.sees(a=1, b=2)
    assert (await listener.get(result_url, "/healthz"))[0] == 200
    status, _, text = await listener.get(result_url, "/readyz")
    assert status == 200
    states = {name: each["state"] for name, each in json.loads(text)["dependencies"].items()}
    assert states == {"postgres": "up", "redis": "up"}
    lines = (await listener.get(result_url, "/metrics"))[2].splitlines()
    for line in (
        'result_voters{option="a"} 1.0',
        'result_voters{option="b"} 2.0',
        'dependency_up{dependency="postgres"} 1.0',
        'dependency_up{dependency="redis"} 1.0',
    ):
        assert line in lines
    assert any(line.startswith("result_broadcasts_total ") and line[-3:] != "0.0" for line in lines)
    assert any(line.startswith("result_tally_read_seconds_count ") for line in lines)


async def test_every_answer_protects_the_page(result_url: str) -> None:
    for path, expected in (
        ("/", 200),
        ("/api/results", 200),
        ("/nowhere", 404),
        ("/static/nothing.css", 404),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/socket.io/?EIO=4&transport=polling", 200),
        ("/socket.io/?EIO=4&transport=polling&sid=unknown", 400),
    ):
        status, headers, _ = await listener.get(result_url, path)
        assert status == expected, path
        for name, value in security.HEADERS.items():
            assert re.sub(" 'sha256-.+?'", "", headers[name]) == value, path


async def test_another_site_cannot_listen(result_url: str) -> None:
    channel = f"{result_url}/socket.io/?EIO=4&transport="
    evil = {"origin": "http://evil.test"}
    async with aiohttp.ClientSession() as client:
        async with client.get(f"{channel}polling", headers=evil) as answer:
            assert answer.status == 400
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await client.ws_connect(f"{channel}websocket", headers=evil)
        async with client.ws_connect(f"{channel}websocket", headers={"origin": result_url}):
            pass


@pytest.fixture
async def closed_url(stores: store.Stores, tables: asyncpg.Connection) -> AsyncIterator[str]:
    """The result of a poll with three options that is over."""
    configured = settings.Settings(
        database_url=pydantic.SecretStr(stores.database_url),
        redis_url=pydantic.SecretStr(stores.redis_url),
        options={"a": "Tea", "b": "Coffee", "c": "Water"},
        poll_title="Drinks",
        poll_closes_at=datetime.datetime.now(datetime.UTC),
    )
    async with served.opened(app.create_app(configured)) as url:
        yield url


async def is_final(url: str, final: bool) -> bool:
    return (await results(url))["final"] is final


@pytest.mark.parametrize("name", ["postgres", "redis"])
async def test_a_result_is_not_final_while_a_store_is_away(
    closed_url: str, tables: asyncpg.Connection, stores: store.Stores, name: str
) -> None:
    await until.true(lambda: is_final(closed_url, True))
    await tables.close()
    server = getattr(stores, name)
    await server.stop()
    await until.true(lambda: is_final(closed_url, False))
    await server.start()
    await until.true(lambda: is_final(closed_url, True))


async def test_a_result_is_not_final_before_the_last_votes_can_have_come(
    stores: store.Stores, tables: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "SETTLE", 1.0)
    closes_at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=0.5)
    for redis_url in (pydantic.SecretStr(stores.redis_url), None):
        configured = settings.Settings(
            database_url=pydantic.SecretStr(stores.database_url),
            redis_url=redis_url,
            poll_closes_at=closes_at,
        )
        async with served.opened(app.create_app(configured)) as url:
            await until.true(functools.partial(is_final, url, True))
        late = datetime.datetime.now(datetime.UTC) - closes_at
        assert late > datetime.timedelta(seconds=pipeline.SETTLE)
        closes_at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=0.5)


def test_a_result_is_final_by_numbers_that_were_asked_for_afterwards(stores: store.Stores) -> None:
    closed = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
    configured = settings.Settings(
        redis_url=pydantic.SecretStr(stores.redis_url), poll_closes_at=closed
    )
    service = app.ResultApp(configured)
    service.postgres.up()
    assert service.pipeline
    service.pipeline.latest = pipeline.Queue(0, 0, 0, [], None)
    service.pipeline.drained_at = closed + datetime.timedelta(seconds=10)
    for seconds, final in ((9, False), (11, True)):
        as_of = closed + datetime.timedelta(seconds=seconds)
        service.tallies.latest = tally.Tally({"a": 1, "b": 0}, as_of)
        assert service._is_final() is final


async def test_a_result_is_final_when_no_vote_is_on_its_way(
    closed_url: str, tables: asyncpg.Connection, client: redis.asyncio.Redis
) -> None:
    await until.true(lambda: is_final(closed_url, True))
    await client.rpush(keys.VOTES, b"{}")
    await until.true(lambda: is_final(closed_url, False))
    await client.delete(keys.VOTES)
    await until.true(lambda: is_final(closed_url, True))
    told = await results(closed_url)
    assert told["title"] == "Drinks"
    assert told["options"] == [
        {"id": "a", "name": "Tea", "votes": 0},
        {"id": "b", "name": "Coffee", "votes": 0},
        {"id": "c", "name": "Water", "votes": 0},
    ]
