"""The result service for programs and operators."""

import datetime
import json
import re

import aiohttp
import asyncpg
import pytest

from common import security
from tests import until
from tests.integration import listener

CLASSIC = "SELECT vote, COUNT(id) AS count FROM votes GROUP BY vote"


async def test_results_are_what_the_classic_result_page_counts(
    result_url: str, tables: asyncpg.Connection
) -> None:
    assert (await listener.results(result_url))["total"] == 0
    before = datetime.datetime.now(datetime.UTC)
    await tables.execute(
        "INSERT INTO votes (id, vote) "
        "SELECT n, CASE n % 3 WHEN 0 THEN 'b' ELSE 'a' END FROM generate_series(1, 3000) AS n"
    )

    async def counted() -> bool:
        return (await listener.results(result_url))["total"] == 3000

    await until.true(counted)
    classic = dict(await tables.fetch(CLASSIC))
    told = await listener.results(result_url)
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
