"""The state of a store, as probes, metrics and logs tell it."""

import asyncio
import contextlib
import datetime

import asyncpg
import prometheus_client
import pytest
import redis.exceptions
import structlog

from common import backoff, dependency
from tests import until


class Watched:
    """A dependency with its registry."""

    def __init__(self) -> None:
        self.registry = prometheus_client.CollectorRegistry()
        self.state = dependency.Dependency("redis", "redis:6379", self.registry)

    @property
    def gauge(self) -> float | None:
        return self.registry.get_sample_value("dependency_up", {"dependency": "redis"})


def test_not_reached_yet_is_neither_up_nor_away() -> None:
    watched = Watched()
    assert (watched.state.is_up, watched.state.is_away, watched.gauge) == (False, False, 0)
    assert watched.state.reason == "not reached yet"


def test_up_and_away_and_since_when() -> None:
    watched = Watched()
    began = datetime.datetime.now(datetime.UTC)
    watched.state.up()
    up_since = watched.state.since
    assert (watched.state.is_up, watched.gauge, watched.state.reason) == (True, 1, None)
    assert (watched.state.is_up, watched.state.is_away) == (True, False)
    assert began <= up_since
    watched.state.up()
    assert watched.state.since == up_since  # it was up all the time
    watched.state.away(ConnectionRefusedError("refused"))
    away_since = watched.state.since
    assert (watched.state.is_up, watched.gauge, watched.state.reason) == (False, 0, "refused")
    assert (watched.state.is_up, watched.state.is_away) == (False, True)
    assert up_since < away_since
    watched.state.away(ConnectionRefusedError("still refused"))
    assert (watched.state.since, watched.state.reason) == (away_since, "still refused")


def test_each_change_is_logged_once() -> None:
    with structlog.testing.capture_logs() as logged:
        watched = Watched()
        for _ in range(3):
            watched.state.away(ConnectionRefusedError("refused"))
        for _ in range(3):
            watched.state.up()
        watched.state.away(ConnectionResetError("gone"))
    assert [line["event"] for line in logged] == [
        "away, trying again",
        "reached",
        "away, trying again",
    ]
    assert {line["address"] for line in logged} == {"redis:6379"}


def test_a_refusal_is_logged_though_it_was_away_before() -> None:
    refusal = redis.exceptions.AuthenticationError("WRONGPASS no")
    with structlog.testing.capture_logs() as logged:
        watched = Watched()
        for error in (ConnectionRefusedError("gone"), refusal, refusal, TimeoutError(), refusal):
            watched.state.away(error)
        refused = [watched.state.is_refused]
        watched.state.up()
        refused.append(watched.state.is_refused)
    assert refused == [True, False]
    assert [line.get("reason") for line in logged] == ["gone", "WRONGPASS no", None]


def test_what_has_answered_may_yet_be_away() -> None:
    watched = Watched()
    watched.state.answered()
    watched.state.away(redis.exceptions.OutOfMemoryError("used memory > 'maxmemory'."))
    assert (watched.state.was_up, watched.state.is_up, watched.state.is_full) == (True, False, True)
    watched.state.away(ConnectionRefusedError("refused"))
    assert not watched.state.is_full


def test_one_that_answers_and_is_not_ready_is_not_called_away() -> None:
    with structlog.testing.capture_logs() as logged:
        watched = Watched()
        for error in (dependency.NotReady("in the making"), ConnectionRefusedError("refused")) * 2:
            for _ in range(2):
                watched.state.away(error)
                preparing = isinstance(error, dependency.NotReady)
                assert (watched.state.is_preparing, watched.gauge) == (preparing, 0)
        watched.state.up()
    assert not watched.state.is_preparing
    told = ["not ready yet", "away, trying again"] * 2
    assert [line["event"] for line in logged] == [*told, "reached"]


def test_two_dependencies_share_one_registry() -> None:
    registry = prometheus_client.CollectorRegistry()
    dependency.Dependency("redis", "", registry).up()
    dependency.Dependency("postgres", "", registry)
    values = {
        name: registry.get_sample_value("dependency_up", {"dependency": name})
        for name in ("redis", "postgres")
    }
    assert values == {"redis": 1, "postgres": 0}


async def test_watch_sees_it_go_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependency, "PING_INTERVAL", 0.01)
    watched = Watched()
    answers = True

    async def ping() -> None:
        if not answers:
            raise ConnectionRefusedError("refused")

    watching = asyncio.create_task(watched.state.watch(ping))
    await until.true(lambda: watched.state.is_up)
    answers = False
    await until.true(lambda: not watched.state.is_up)
    assert watched.state.reason == "refused"
    answers = True
    await until.true(lambda: watched.state.is_up)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


async def test_watch_asks_again_soon_however_often_it_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dependency, "PING_INTERVAL", 0.01)
    monkeypatch.setattr(backoff, "BASE", backoff.CAP)
    watched = Watched()
    pings = 0

    async def ping() -> None:
        nonlocal pings
        pings += 1
        raise ConnectionRefusedError("refused")

    watching = asyncio.create_task(watched.state.watch(ping))
    await until.true(lambda: pings >= 5, backoff.CAP)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


async def test_watch_takes_no_answer_for_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependency, "PING_TIMEOUT", 0.01)
    monkeypatch.setattr(backoff, "BASE", 0.001)
    watched = Watched()
    pings = 0

    async def ping() -> None:
        nonlocal pings
        pings += 1
        await asyncio.Event().wait()

    watching = asyncio.create_task(watched.state.watch(ping))
    await until.true(lambda: pings >= 3)
    assert watched.state.reason == "no answer in time"
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError(), "no answer in time"),
        (TimeoutError("after 2 s"), "after 2 s"),
        (OSError("two\nlines"), "two lines"),
        (ConnectionResetError(), "ConnectionResetError"),
        (
            redis.exceptions.AuthenticationError(
                "HELLO must be called with the client already authenticated, otherwise the HELLO"
                " <proto> AUTH <user> <pass> option can be used to authenticate the client"
            ),
            "it asks for a password, and none is given",
        ),
        (
            asyncpg.InternalClientError(
                "cannot switch to state 12; another operation (2) is in progress"
            ),
            "Postgres has ended the connection",
        ),
        (
            asyncpg.InterfaceError(
                "cannot call PreparedStatement.fetch(): the underlying connection is closed"
            ),
            "Postgres has ended the connection",
        ),
        (asyncpg.InternalClientError("something else"), "something else"),
        (redis.exceptions.AuthenticationError("WRONGPASS no"), "WRONGPASS no"),
        (redis.exceptions.OutOfMemoryError("used > most"), "its memory is full: used > most"),
        (redis.exceptions.ReadOnlyError("no write"), "it is a replica: no write"),
    ],
)
def test_an_error_in_one_line(error: Exception, text: str) -> None:
    assert dependency.describe(error) == text
