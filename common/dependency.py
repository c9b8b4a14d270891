"""The state of a store that a service depends on."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from typing import Literal, NoReturn

import redis.exceptions
import structlog

from common.backoff import delays

MAX_RETRY_DELAY = 0.5  # seconds
PING_TIMEOUT = 1.5  # seconds
INVALID_AUTHORIZATION = "28"  # SQLSTATE class; Postgres documentation, appendix A

State = Literal["unknown", "available", "unavailable"]


class Dependency:
    """A store: whether it is available, since when, and if not, why.

    Attributes:
        was_available: Whether the store has answered since the process started.
        is_refused: The store rejects our credentials.
        reason: Why the store is not available; None if it is.
    """

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.state: State = "unknown"
        self.was_available = False
        self.is_refused = False
        self.reason: str | None = "not reached yet"
        self.since = datetime.datetime.now(datetime.UTC)
        self._log = structlog.get_logger(name)

    @property
    def is_available(self) -> bool:
        """Whether the last attempt to use the store succeeded."""
        return self.state == "available"

    def mark_available(self) -> None:
        """Record that the store answered."""
        if self.is_available:
            return
        outage = (datetime.datetime.now(datetime.UTC) - self.since).total_seconds()
        if self.was_available:  # as loud as the outage, so that a log shows both or none
            self._log.warning("available again", address=self.address, seconds=round(outage, 1))
        else:
            self._log.info("available", address=self.address)
        self._change("available", None)
        self.was_available = True
        self.is_refused = False

    def mark_unavailable(self, error: BaseException) -> None:
        """Record that the store could not be used, and why."""
        reason = describe(error)
        is_refused = is_refusal(error)
        if self.state != "unavailable" or (is_refused and not self.is_refused):
            self._log.warning("unavailable, retrying", address=self.address, reason=reason)
        self._change("unavailable", reason)
        self.is_refused = self.is_refused or is_refused

    async def watch(self, ping: Callable[[], Awaitable[object]], interval: float) -> NoReturn:
        """Ping the store until cancelled, so that its state is known while nobody uses it.

        Args:
            ping: Raises an error if the store cannot be used.
            interval: Seconds between two pings of an available store.
        """
        pauses = delays(MAX_RETRY_DELAY)
        while True:
            try:
                async with asyncio.timeout(PING_TIMEOUT):
                    await ping()
            except Exception as error:  # the store cannot be used, for any reason
                self.mark_unavailable(error)
                await asyncio.sleep(next(pauses))
            else:
                pauses = delays(MAX_RETRY_DELAY)
                self.mark_available()
                await asyncio.sleep(interval)

    def _change(self, state: State, reason: str | None) -> None:
        if state != self.state:
            self.since = datetime.datetime.now(datetime.UTC)
        self.state = state
        self.reason = reason


def describe(error: BaseException) -> str:
    """Return one line about an error, even if its text is empty."""
    text = " ".join(str(error).split())
    if isinstance(error, TimeoutError):
        return text or "no answer in time"
    return text or type(error).__name__


def is_refusal(error: BaseException) -> bool:
    """Return whether a store rejects our credentials."""
    state = str(getattr(error, "sqlstate", ""))
    return isinstance(error, redis.exceptions.AuthenticationError) or state.startswith(
        INVALID_AUTHORIZATION
    )
