"""The result service for programs and operators."""

import asyncio
import datetime
import json

import asyncpg
import pytest

from common import security
from common.poll import Poll
from tests import until
from tests.integration import listener

CLASSIC = "SELECT vote, COUNT(id) AS count FROM votes GROUP BY vote"


async def test_results_are_what_the_classic_result_page_counts(
    result_url: str, tables: asyncpg.Connection
) -> None:
    assert await listener.total(result_url) == 0
    before = datetime.datetime.now(datetime.UTC)
    await tables.execute(
        "INSERT INTO votes (id, vote) "
        "SELECT n, CASE n % 3 WHEN 0 THEN 'b' ELSE 'a' END FROM generate_series(1, 3000) AS n"
    )

    async def is_counted() -> bool:
        return await listener.total(result_url) == 3000

    await until.true(is_counted)
    classic = dict(await tables.fetch(CLASSIC))
    results = await listener.results(result_url)
    as_of = datetime.datetime.fromisoformat(results.pop("as_of"))
    assert before <= as_of <= datetime.datetime.now(datetime.UTC)
    assert results == {
        "poll": Poll("Cats vs Dogs!", {"a": "Cats", "b": "Dogs"}).revision,
        "title": "Cats vs Dogs!",
        "options": [
            {"id": "a", "name": "Cats", "votes": classic["a"]},
            {"id": "b", "name": "Dogs", "votes": classic["b"]},
        ],
        "total": 3000,
        "final": False,
    }


async def test_the_api_is_described(result_url: str) -> None:
    document = json.loads((await listener.get(result_url, "/openapi.json"))[2])
    assert list(document["paths"]) == ["/api/results"]
    schema = document["components"]["schemas"]["Results"]
    assert set(schema["required"]) == {"poll", "title", "options", "total", "as_of", "final"}


async def test_health_and_metrics(result_url: str, tables: asyncpg.Connection) -> None:
    async with listener.opened(result_url) as audience:
        await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'b')")
        await audience.sees(a=1, b=1)
        await audience.shows_store("redis", "available")
    assert (await listener.get(result_url, "/healthz"))[0] == 200
    status, _, text = await listener.get(result_url, "/readyz")
    states = {name: each["state"] for name, each in json.loads(text)["dependencies"].items()}
    assert (status, states) == (200, {"postgres": "available", "redis": "available"})
    lines = (await listener.get(result_url, "/metrics"))[2].splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    poll = (await listener.results(result_url))["poll"]
    for option in "ab":
        assert samples[f'result_voters{{option="{option}",poll="{poll}"}}'] == "1.0"
    assert samples['dependency_up{dependency="postgres"}'] == "1.0"
    assert float(samples["result_broadcasts_total"]) >= 1
    assert float(samples["result_tally_read_seconds_count"]) >= 1


async def test_every_answer_has_the_security_headers(result_url: str) -> None:
    for path, expected in (
        ("/", 200),
        ("/api/results", 200),
        ("/nowhere", 404),
        ("/static/x/nothing.css", 404),
        ("/metrics", 200),
        ("/socket.io/?EIO=4&transport=polling", 200),
        ("/socket.io/?EIO=4&transport=polling&sid=unknown", 400),
    ):
        status, headers, _ = await listener.get(result_url, path)
        assert status == expected, path
        assert {name: headers.get(name) for name in security.HEADERS} == security.HEADERS, path


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("session", ["", "&sid=unknown"])
async def test_a_long_body_is_refused_before_it_has_come(
    result_url: str, method: str, session: str
) -> None:
    host, _, port = result_url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    path = f"/socket.io/?EIO=4&transport=polling{session}"
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    writer.write(head.encode() + b"x" * 1_000)
    async with asyncio.timeout(5):
        assert (await reader.readline()).split()[1] == b"413"
    writer.close()
