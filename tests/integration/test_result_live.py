"""The live channel, on a real Postgres: what a browser hears, in which order, how often."""

import asyncio
import datetime
import functools
import json
import time

import aiohttp
import asyncpg
import engineio
import prometheus_client
import pytest
import redis.asyncio
import socketio
from starlette import applications

from common import ballot, concurrency, dependency, keys, poll
from result import live, metric, pipeline, tally
from tests import served, until
from tests.integration import listener
from vote import heartbeat
from worker import queue, store

Listener = listener.Listener
POLLING = {"EIO": "4", "transport": "polling"}
CLASSIC = ("message", "scores")  # all that the classic page listens to


async def cast(tables: asyncpg.Connection, vote: str, *ids: str) -> None:
    """Votes are stored as a worker does it."""
    time_us = time.time_ns() // 1000
    ballots = [ballot.Ballot(voter_id, vote, time_us) for voter_id in sorted(ids)]
    await tables.execute(store.UPSERT, *store.as_arrays(ballots))


def hears_scores(browser: Listener) -> bool:
    return len(browser.of("scores")) >= 2


@pytest.mark.parametrize(
    "transports",
    [["websocket"], ["polling"], ["polling", "websocket"]],  # the last: as the classic page does
    ids="+".join,
)
async def test_a_client_that_knows_only_the_classic_events_works(
    result_url: str, tables: asyncpg.Connection, transports: list[str]
) -> None:
    await cast(tables, "a", "1", "2")
    async with listener.opened(result_url, CLASSIC, *transports) as classic:
        await classic.sees(a=2, b=0)
        assert [event.name for event in classic.heard][:2] == ["message", "scores"]
        assert classic.of("message")[0].content == {"text": "Cats vs Dogs!"}
        assert isinstance(classic.of("scores")[0].content, str)
        await cast(tables, "b", "3")
        await classic.sees(a=2, b=1)
        await cast(tables, "b", "1")  # a change of mind
        await classic.sees(a=1, b=2)
        assert len(classic.of("message")) == 1


async def test_scores_come_as_soon_as_they_change(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await audience.sees(a=0, b=0)
    delays = []
    for number in range(5):
        before = time.monotonic()
        await cast(tables, "a", f"{number}")
        await audience.sees(a=number + 1, b=0)
        delays.append(audience.of("scores")[-1].at - before)
    assert min(delays) < tally.REREAD / 2  # so it was the notification


async def test_message_comes_before_scores_however_busy_it_is(
    result_url: str, tables: asyncpg.Connection
) -> None:
    done = asyncio.Event()

    async def keep_voting() -> None:
        number = 0
        while not done.is_set():
            number += 1
            await cast(tables, "a", f"{number}")

    voting = asyncio.create_task(keep_voting())
    for _ in range(10):
        async with listener.opened(result_url, CLASSIC) as classic:
            await until.true(functools.partial(hears_scores, classic))
            assert [event.name for event in classic.heard].index("message") == 0
            counts = [json.loads(event.content)["a"] for event in classic.of("scores")]
            assert counts == sorted(counts)
    done.set()
    await voting


async def test_what_changes_while_somebody_connects_is_told_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broadcast is written at once, what one alone is told a turn of the loop later."""
    channel = live.Live(poll.Poll("?", ()), metric.Metrics(), dict)
    now = datetime.datetime.now(datetime.UTC)
    emit = channel.server.emit
    changes: list[asyncio.Task[None]] = []

    async def change_meanwhile(event: str, content: object, **to: str) -> None:
        if event == "scores" and not changes:
            changes.append(asyncio.create_task(channel.broadcast(tally.Tally({"a": 2}, now))))
        await emit(event, content, **to)

    await channel.broadcast(tally.Tally({"a": 1}, now))
    monkeypatch.setattr(channel.server, "emit", change_meanwhile)
    app = socketio.ASGIApp(channel.server, applications.Starlette())
    async with served.opened(app, ready=False) as url, listener.opened(url) as audience:
        await until.true(lambda: bool(audience.of("pipeline")))
        counts = [json.loads(event.content)["a"] for event in audience.of("scores")]
        assert counts == [1, 2]


async def test_many_changes_make_few_updates_and_the_last_is_right(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await audience.sees(a=0, b=0)
    started = time.monotonic()
    number = 0
    while time.monotonic() - started < 1.0 or number < 100:
        number += 1
        await cast(tables, "a", f"{number}")
    await audience.sees(a=number, b=0)
    seconds = audience.of("scores")[-1].at - started
    assert 5 < len(audience.of("scores")) <= 20 * seconds + 2


async def test_nothing_is_sent_while_nothing_changes(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await cast(tables, "a", "1")
    await audience.sees(a=1, b=0)
    await until.true(lambda: audience.status.get("postgres", {}).get("state") == "up")
    before, connected = len(audience.of("scores")), audience.status["postgres"]
    await tables.execute("NOTIFY tallies")
    await cast(tables, "a", "1")  # the same again
    beats = len(audience.of("pipeline"))
    await until.true(lambda: len(audience.of("pipeline")) >= beats + 3)
    assert len(audience.of("scores")) == before
    assert audience.status["postgres"] == connected  # all the time


async def test_a_lost_notification_is_healed(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await audience.sees(a=0, b=0)
    await tables.execute("ALTER TABLE votes DISABLE TRIGGER USER")
    await tables.execute("INSERT INTO tally_shards VALUES ('b', 0, 7)")  # nobody is notified
    await audience.sees(a=0, b=7)


async def test_what_is_no_option_does_no_harm(
    audience: Listener, tables: asyncpg.Connection
) -> None:
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'z'), ('2', ''), ('3', 'a')")
    await audience.sees(a=1, b=0)
    status, _, text = await listener.get(audience.url, "/api/results")
    assert (status, json.loads(text)["total"]) == (200, 1)


@pytest.mark.parametrize(
    "body",
    ["0", "2", "6", "42[]\x1e6", "4" * (engineio.AsyncServer().max_http_buffer_size + 1)],
    ids=["open", "ping", "noop", "event and noop", "too long"],
)
async def test_a_post_that_cannot_be_read_is_answered_and_ends_the_session(
    audience: Listener, body: str
) -> None:
    async with aiohttp.ClientSession(base_url=audience.url) as client:

        async def ask(method: str, data: str | None = None, **session: str) -> tuple[int, str]:
            async with (
                asyncio.timeout(2),
                client.request(
                    method, "/socket.io/", params=POLLING | session, data=data
                ) as answer,
            ):
                return answer.status, await answer.text()

        _, opened = await ask("GET")
        sid = json.loads(opened[1:])["sid"]
        assert await ask("POST", "40", sid=sid) == (200, "OK")
        await until.true(lambda: audience.status.get("browsers") == 2)
        assert (await ask("POST", body, sid=sid))[0] == 400
        assert (await ask("GET", sid=sid))[0] == 400
    await until.true(lambda: audience.status["browsers"] == 1)


async def test_the_pipeline(
    audience: Listener, tables: asyncpg.Connection, client: redis.asyncio.Redis
) -> None:
    session = queue.Session(client, client, "w1")
    await client.rpush(keys.VOTES, *[b'{"voter_id":"%d","vote":"a"}' % n for n in range(5)])
    await session.sign_on({"state": "draining", "last_commit": 1_764_000_000_000})
    await session.claim(2)
    await session.drop(0, [b"bad"])

    def told() -> bool:
        status = audience.status
        return (status.get("waiting"), status.get("claimed"), status.get("dead")) == (3, 2, 1)

    await until.true(told, 10, lambda: audience.status)
    status = audience.status
    assert status["workers"] == [
        {"name": "w1", "alive": True, "state": "draining", "last_commit": 1_764_000_000_000}
    ]
    assert status["last_commit"] == 1_764_000_000_000
    assert status["postgres"]["state"] == status["redis"]["state"] == "up"
    assert status["browsers"] == 1
    assert status["closes_at"] is None
    now = time.time() * 1000  # ms
    assert now - 5000 < status["as_of"] <= status["now"] <= now

    await client.pexpire(keys.heartbeat("w1"), 1000)  # it is silent
    await until.true(lambda: not audience.status["workers"][0]["alive"])
    await session.put_back()
    await until.true(lambda: audience.status["workers"] == [])


async def test_a_vote_page_is_missed_only_once_there_was_one(
    audience: Listener, client: redis.asyncio.Redis
) -> None:
    await until.true(lambda: audience.status.get("waiting") == 0)
    assert audience.status["vote_page"] is None
    for _ in range(2):
        await client.set(keys.VOTE_PAGE, "replica-7", px=heartbeat.LIFE)
        await until.true(lambda: audience.status["vote_page"] is True)
        await until.true(lambda: audience.status["vote_page"] is False)


async def test_strange_heartbeats_do_no_harm(
    audience: Listener, client: redis.asyncio.Redis
) -> None:
    strange = {"1": b"[]", "2": b"\xff", "3": b'{"last_commit": "now", "state": 7}', "4": b"null"}
    for name, beat in strange.items():
        await client.set(keys.heartbeat(name), beat, px=60_000)
    await client.sadd(keys.WORKERS, *strange, b"\xff")
    await until.true(lambda: len(audience.status.get("workers") or []) == 5)
    await client.lpush(keys.VOTES, b"x")
    await until.true(lambda: audience.status["waiting"] == 1)
    assert audience.status["last_commit"] is None


async def test_a_vote_that_is_claimed_and_put_back_is_counted_once(
    client: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def move() -> None:
        while True:
            await client.lmove(keys.VOTES, claimed)
            await client.lmove(claimed, keys.VOTES)

    def is_seen_often() -> bool:
        if looking.latest and looking.latest not in seen[-1:]:
            seen.append(looking.latest)
        return len(seen) >= 100

    monkeypatch.setattr(pipeline, "INTERVAL", 0)
    claimed = keys.claimed("w1")
    await client.sadd(keys.WORKERS, "w1")
    await client.rpush(keys.VOTES, b"x")
    state = dependency.Dependency("redis", "", prometheus_client.CollectorRegistry())
    looking = pipeline.Pipeline(client, state, poll.Poll("?", ()))
    seen: list[pipeline.Queue] = []
    tasks = [asyncio.create_task(each()) for each in (move, looking.follow)]
    await until.true(is_seen_often)
    await concurrency.cancel(*tasks)
    assert {each.waiting + each.claimed for each in seen} == {1}


def test_a_heartbeat_lives_as_long_as_the_worker_says() -> None:
    assert pipeline.HEARTBEAT_LIFE == queue.HEARTBEAT_LIFE * 1000
    assert pipeline.ALIVE_AGE >= 2 * queue.HEARTBEAT_INTERVAL


async def test_a_status_comes_at_once_and_browsers_are_counted(
    audience: Listener, result_url: str
) -> None:
    await until.true(lambda: audience.status.get("browsers") == 1)
    async with listener.opened(result_url) as other:
        await until.true(lambda: other.status.get("browsers") == 2, live.STATUS_INTERVAL + 5)
        await until.true(lambda: audience.status["browsers"] == 2)
        _, _, metrics = await listener.get(result_url, "/metrics")
        assert "result_browsers 2.0" in metrics
    await until.true(lambda: audience.status["browsers"] == 1)
