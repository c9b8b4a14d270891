import asyncio
import contextlib

import asyncpg
import pytest
import structlog

from common.dependency import Dependency, describe
from tests import until


@pytest.fixture
def store() -> Dependency:
    return Dependency("redis", "redis:6379")


def test_state_before_the_first_answer(store: Dependency) -> None:
    assert (store.state, store.is_available, store.was_available) == ("unknown", False, False)
    assert store.reason is not None


def test_state_changes_with_its_reason_and_time(store: Dependency) -> None:
    store.mark_available()
    assert (store.state, store.reason, store.was_available) == ("available", None, True)
    since = store.since
    store.mark_available()
    assert store.since == since
    store.mark_unavailable(ConnectionRefusedError("refused"))
    assert (store.state, store.reason) == ("unavailable", "refused")
    assert store.was_available
    assert store.since > since
    since = store.since
    store.mark_unavailable(OSError("still refused"))
    assert (store.since, store.reason) == (since, "still refused")


def test_each_change_is_logged_once_and_the_recovery_as_loud_as_the_outage() -> None:
    with structlog.testing.capture_logs() as logged:
        store = Dependency("redis", "redis:6379")
        for mark in (store.mark_available, store.mark_available):
            mark()
        for _ in range(3):
            store.mark_unavailable(ConnectionResetError("gone"))
        store.mark_available()
    assert [line["log_level"] for line in logged] == ["info", "warning", "warning"]
    assert logged[1]["reason"] == "gone"


def test_rejected_credentials_are_known_and_logged_during_an_outage() -> None:
    with structlog.testing.capture_logs() as logged:
        store = Dependency("postgres", "db")
        store.mark_unavailable(ConnectionRefusedError("refused"))
        for _ in range(2):
            store.mark_unavailable(asyncpg.InvalidPasswordError("wrong password"))
        refused = [store.is_refused]
        store.mark_available()
    assert [*refused, store.is_refused] == [True, False]
    assert len(logged) == 3


async def test_watch_sees_an_outage_a_hang_and_the_recovery(store: Dependency) -> None:
    answer = "pong"

    async def ping() -> None:
        if answer == "refused":
            raise ConnectionRefusedError("refused")
        if answer == "hangs":
            await asyncio.Event().wait()

    watching = asyncio.create_task(store.watch(ping, 0.01))
    for answer, reason in (("pong", None), ("refused", "refused"), ("pong", None)):  # noqa: B007
        await until.true(lambda: store.reason == reason)  # noqa: B023
    answer = "hangs"
    await until.true(lambda: store.state == "unavailable")
    assert store.reason == describe(TimeoutError())
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TimeoutError(), "no answer in time"),
        (OSError("two\nlines"), "two lines"),
        (ConnectionResetError(), "ConnectionResetError"),
    ],
)
def test_an_error_is_described_in_one_line(error: Exception, text: str) -> None:
    assert describe(error) == text
