"""A store that a service needs: is it up or away, since when and why."""

import asyncio
import datetime
import re
import typing
from collections.abc import Awaitable, Callable, Iterator

import prometheus_client
import redis.exceptions
import structlog

from common import backoff

# The pages promise to say within 2 s what is away: together these are at most that.
PING_INTERVAL = 0.5  # seconds between two pings of a store that is up
PING_TIMEOUT = 1.5  # seconds
UNAUTHENTICATED = "HELLO must be called"  # so Redis begins where a password is wanted and none came
# In asyncpg's words: a connection has ended amid a statement, or before it.
INTERRUPTED = re.compile(
    "cannot switch to state|cannot call .* the underlying connection is closed"
)
INVALID_AUTHORIZATION = "28"  # the class of SQLSTATE; postgresql.org/docs/current/errcodes-appendix


class NotReady(Exception):  # noqa: N818 (a state)
    """The store answers, and cannot be used yet. The text says why."""


class Dependency:
    """The state of one store, as `/readyz`, `/metrics` and the logs tell it."""

    def __init__(self, name: str, address: str, registry: prometheus_client.CollectorRegistry):
        self.name = name
        self.address = address
        self.is_up = False
        self.was_up = False  # at some time since the process began, or has answered at least
        self.is_preparing = False  # it answers, and cannot be used yet
        self.is_refused = False  # it is away since it refuses the credentials
        self.is_full = False  # it is away since it has no memory left
        self.reason: str | None = "not reached yet"
        self.since = datetime.datetime.now(datetime.UTC)
        self._log = structlog.get_logger(name)
        self._said = False
        self._gauge = _gauge(registry).labels(dependency=name)
        self._gauge.set(0)

    @property
    def is_away(self) -> bool:
        """It was asked, and did not answer: not so in the first moment, when nothing is known."""
        return self._said and not self.is_up

    @property
    def is_unknown(self) -> bool:
        """It was just asked for the first time, and has not had the time of a ping to answer."""
        asked = (datetime.datetime.now(datetime.UTC) - self.since).total_seconds()
        return not self._said and asked < PING_TIMEOUT

    def up(self) -> None:
        """Says that the store answered."""
        if not self.is_up:
            away = self._elapse()
            self.is_up = self.was_up = self._said = True
            self.is_refused = self.is_full = self.is_preparing = False
            self.reason = None
            self._gauge.set(1)
            self._log.info("reached", address=self.address, away_seconds=round(away, 1))

    def answered(self) -> None:
        """Says that the store is there, though it may not do what is needed of it."""
        self.was_up = True

    def away(self, error: BaseException, reason: str | None = None) -> None:
        """Says that the store did not answer, and why, if `error` does not say it well itself.

        With an error that is `NotReady`: that it did, and cannot be used yet.
        """
        reason = reason or describe(error)
        refused = any(map(_is_refusal, _causes(error)))
        preparing, self.is_preparing = self.is_preparing, isinstance(error, NotReady)
        is_news = preparing != self.is_preparing or (refused and not self.is_refused)
        if self.is_up or not self._said or is_news:
            if self.is_up:
                self._elapse()
            self.is_up, self._said = False, True
            self._gauge.set(0)
            event = "not ready yet" if self.is_preparing else "away, trying again"
            self._log.warning(event, address=self.address, reason=reason)
        self.is_refused = self.is_refused or refused  # until it lets us in
        self.is_full = any(
            isinstance(each, redis.exceptions.OutOfMemoryError) for each in _causes(error)
        )
        self.reason = reason

    async def watch(self, ping: Callable[[], Awaitable[object]]) -> typing.NoReturn:
        """Pings the store until cancelled, so that its state is known while nobody uses it."""
        failures = 0
        while True:
            try:
                async with asyncio.timeout(PING_TIMEOUT):
                    await ping()
            except Exception as error:  # whatever it is, the store is not usable
                failures += 1
                self.away(error)
                await asyncio.sleep(min(backoff.delay(failures), PING_INTERVAL))
            else:
                failures = 0
                self.up()
                await asyncio.sleep(PING_INTERVAL)

    def _elapse(self) -> float:
        before, self.since = self.since, datetime.datetime.now(datetime.UTC)
        return (self.since - before).total_seconds()


def _is_refusal(error: BaseException) -> bool:
    """The store answers, and does not let this user in: no waiting helps."""
    state = str(getattr(error, "sqlstate", ""))
    return isinstance(error, redis.exceptions.AuthenticationError) or state.startswith(
        INVALID_AUTHORIZATION
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """`error`, what caused it, what caused that, and so on."""
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__


def describe(error: BaseException) -> str:
    """One line that says what `error` was, even when its text is empty."""
    if isinstance(error, TimeoutError):
        return str(error) or "no answer in time"
    text = " ".join(str(error).split())
    if isinstance(error, redis.exceptions.AuthenticationError) and text.startswith(UNAUTHENTICATED):
        return "it asks for a password, and none is given"
    if INTERRUPTED.match(text):
        return "Postgres has ended the connection"
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return f"its memory is full: {text}"
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return f"it is a replica: {text}"
    return text or type(error).__name__


def _gauge(registry: prometheus_client.CollectorRegistry) -> prometheus_client.Gauge:
    name = "dependency_up"
    known = registry._names_to_collectors.get(name)
    if isinstance(known, prometheus_client.Gauge):
        return known
    return prometheus_client.Gauge(
        name, "1 while the store answers, 0 while it is away.", ["dependency"], registry=registry
    )
