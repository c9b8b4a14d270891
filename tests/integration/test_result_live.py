"""The live channel on real stores: which events a browser receives, in which order, how often."""

import asyncio
import json
import time

import asyncpg
import pytest

from result import tallies
from tests import until
from tests.integration import listener
from tests.integration.listener import Listener

CLASSIC = ("message", "scores")  # the events that the classic page knows
UPSERT = (
    "INSERT INTO votes (id, vote) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET vote = $2"
    " WHERE votes.vote <> $2"
)


@pytest.mark.parametrize(
    "transports",
    [["websocket"], ["polling"], ["polling", "websocket"]],  # the last: as the classic page does
    ids="+".join,
)
async def test_the_classic_page_works(
    result_url: str, tables: asyncpg.Connection, transports: list[str]
) -> None:
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a'), ('2', 'a')")
    async with listener.opened(result_url, CLASSIC, *transports) as classic:
        await until.true(lambda: classic.client.eio.current_transport == transports[-1])
        await classic.sees(a=2, b=0)
        assert [event.name for event in classic.heard][:2] == ["message", "scores"]
        assert classic.of("message")[0].content == {"text": "Cats vs Dogs!"}
        assert isinstance(classic.of("scores")[0].content, str)
        await tables.execute(UPSERT, "3", "b")
        await classic.sees(a=2, b=1)
        await tables.execute(UPSERT, "1", "b")
        await classic.sees(a=1, b=2)
        assert len(classic.of("message")) == 1


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_no_older_event_overtakes_a_newer_one(
    result_url: str, tables: asyncpg.Connection, transport: str
) -> None:
    async def keep_voting() -> None:
        for number in range(100_000):
            await tables.execute(UPSERT, f"{number}", "a")

    voting = asyncio.create_task(keep_voting())
    for _ in range(10):
        async with listener.opened(result_url, CLASSIC, transport) as browser:
            await until.true(lambda: len(browser.of("scores")) >= 3)
            assert browser.heard[0].name == "message"
            counts = [json.loads(event.content)["a"] for event in browser.of("scores")]
            assert counts == sorted(counts)
    voting.cancel()


async def test_scores_come_at_once_and_at_most_20_times_a_second(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await audience.sees(a=0, b=0)
    started = time.monotonic()
    await tables.execute(UPSERT, "0", "a")
    await audience.sees(a=1, b=0)
    assert audience.of("scores")[-1].at - started < tallies.MAX_INTERVAL / 2  # it was notified
    number = 0
    while time.monotonic() - started < 1.0:
        number += 1
        await tables.execute(UPSERT, f"{number}", "a")
    await audience.sees(a=number + 1, b=0)
    seconds = audience.of("scores")[-1].at - started
    assert 5 < len(audience.of("scores")) <= 20 * seconds + 3


async def test_unchanged_scores_are_not_sent_again(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await tables.execute(UPSERT, "1", "a")
    await audience.sees(a=1, b=0)
    before = len(audience.of("scores"))
    await tables.execute("NOTIFY tallies")
    beats = len(audience.of("pipeline"))
    await until.true(lambda: len(audience.of("pipeline")) >= beats + 2)  # signs of life
    assert len(audience.of("scores")) == before


async def test_a_lost_notification_is_made_up_for(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await audience.sees(a=0, b=0)
    await tables.execute("ALTER TABLE votes DISABLE TRIGGER USER")
    await tables.execute("INSERT INTO tally_shards VALUES ('b', 0, 7)")  # notifies nobody
    await audience.sees(a=0, b=7)


async def test_a_vote_for_an_unknown_option_is_not_counted(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'z'), ('2', ''), ('3', 'a')")
    await audience.sees(a=1, b=0)
    assert await listener.total(audience.url) == 1


async def test_browsers_are_counted(audience: Listener, result_url: str) -> None:
    async with listener.opened(result_url, listener.EVENTS, "polling") as polling:
        await polling.shows(browsers=2)
        async with listener.opened(result_url) as other:
            await other.shows(browsers=3)
            await audience.shows(browsers=3)
            assert "result_browsers 3.0" in (await listener.get(result_url, "/metrics"))[2]
        await audience.shows(browsers=2)
