"""The producer: ballots that arrive together travel to Redis in one command.

So one round trip and one write to Redis's disk serve many votes. Each vote waits until Redis has
acknowledged its ballot.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import redis.asyncio
from prometheus_client import Counter as Metric
from prometheus_client import Histogram
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import BusyLoadingError, OutOfMemoryError, ResponseError

from common.queue import keys
from common.queue.message import Ballot, encode
from common.redis_client import has_lost_role

RUNNERS = 2  # while Redis writes one push to its disk, the next one is on its way
PUSH_TIMEOUT = 2.0  # seconds to wait for a push, and for the push itself
MAX_WAITING = 20_000  # ballots
MAX_PUSH = 2_000  # ballots in one command
CONNECT_TIMEOUT = 0.9  # seconds for one attempt; PUSH_TIMEOUT leaves time for a second one
PUSH_SCRIPT = Path(__file__).with_name("lua").joinpath("push.lua").read_text()
WAIT_TIMEOUT = 1_500  # ms until Redis says how many replicas have a push; less than PUSH_TIMEOUT


class NotRecordedError(Exception):
    """The ballot is certainly not in the queue. The text gives the reason, for voters."""


class ClosedError(NotRecordedError):
    """The poll is over by Redis's clock."""


class UnsureError(Exception):
    """The ballot was sent, but not acknowledged: it may be in the queue."""


class Metrics(Protocol):
    """What a producer counts: ballots by option, and seconds and ballots of each push."""

    accepted: Metric
    push_seconds: Histogram
    push_batch_size: Histogram


class Waiting(NamedTuple):
    """A ballot that waits for a push, since a time of the monotonic clock."""

    ballot: Ballot
    acknowledged: asyncio.Future[None]
    since: float


class Producer:
    """Pushes ballots to the list in Redis from which the workers take them.

    Args:
        client: The connection to Redis.
        metrics: Those that it updates.
        replicas: How many replicas of Redis must have a ballot, too, before it is acknowledged.
        last_push: When Redis takes the last ballot, in µs since the epoch. None: never.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        metrics: Metrics,
        replicas: int = 0,
        last_push: int | None = None,
    ) -> None:
        self._pool = client.connection_pool
        self._metrics = metrics
        self._replicas = replicas
        self._last_push = last_push
        self._waiting: deque[Waiting] = deque()  # oldest first
        self._has_waiting = asyncio.Event()

    async def push(self, ballot: Ballot) -> None:
        """Return once Redis has acknowledged the ballot.

        Raises:
            ClosedError: The poll is over.
            NotRecordedError: Redis does not have the ballot.
            UnsureError: Redis may have the ballot.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise NotRecordedError("too many votes at once")
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(Waiting(ballot, acknowledged, time.monotonic()))
        self._has_waiting.set()
        await acknowledged

    async def run(self) -> None:
        """Push the waiting ballots until cancelled. The service starts it `RUNNERS` times."""
        while True:
            await self._has_waiting.wait()
            if batch := self._take_batch():
                await self._push_batch(batch)

    def _take_batch(self) -> list[Waiting]:
        """Take the oldest ballots. Refuse those that have waited longer than `PUSH_TIMEOUT`."""
        oldest = time.monotonic() - PUSH_TIMEOUT
        while self._waiting and self._waiting[0].since < oldest:
            _refuse([self._waiting.popleft()], NotRecordedError("too many votes at once"))
        batch = [self._waiting.popleft() for _ in range(min(MAX_PUSH, len(self._waiting)))]
        if not self._waiting:
            self._has_waiting.clear()
        return batch

    async def _push_batch(self, batch: list[Waiting]) -> None:
        started = time.perf_counter()
        try:
            await self._send([encode(waiting.ballot) for waiting in batch])
        except (NotRecordedError, UnsureError) as error:
            _refuse(batch, error)
            # Nobody waits through more than one failure.
            is_certain = isinstance(error, NotRecordedError)
            _refuse(
                self._waiting, error if is_certain else NotRecordedError("Redis is unavailable")
            )
            self._waiting.clear()
            return
        for waiting in batch:
            if not waiting.acknowledged.done():  # the client may have hung up
                waiting.acknowledged.set_result(None)
        self._metrics.push_seconds.observe(time.perf_counter() - started)
        self._metrics.push_batch_size.observe(len(batch))
        for option_id, count in Counter(waiting.ballot.vote for waiting in batch).items():
            self._metrics.accepted.labels(option_id).inc(count)

    async def _send(self, messages: list[bytes]) -> None:
        """Append messages to the list, and wait until enough replicas have them.

        Connecting and sending are separate steps, so that it is known whether anything was sent.
        """
        is_sent = is_pushed = False
        try:
            async with asyncio.timeout(PUSH_TIMEOUT):
                connection = await self._connect()
                try:
                    is_sent = True
                    await connection.send_packed_command(
                        connection.pack_commands(self._commands(messages))
                    )
                    is_pushed = bool(await connection.read_response())
                    if not is_pushed:
                        raise ClosedError("the poll is closed")
                    if self._replicas and await connection.read_response() < self._replicas:
                        raise UnsureError
                except (ResponseError, ClosedError):
                    if self._replicas and not is_pushed:
                        await connection.disconnect()  # the answer to WAIT is still to come
                    raise
                finally:  # the library has closed the connection if an answer is missing
                    await self._pool.release(connection)
        except ClosedError:
            raise
        except Exception as error:  # the voters need an answer in any case
            if has_lost_role(error):  # new connections may lead to the new primary
                await self._pool.disconnect(inuse_connections=False)
            # The library reports a primary that became a replica as a lost connection.
            is_refused = isinstance(error, ResponseError | BusyLoadingError) or has_lost_role(error)
            if is_pushed or (is_sent and not is_refused):
                raise UnsureError from error
            is_full = isinstance(error, OutOfMemoryError)
            reason = "the memory of Redis is full" if is_full else "Redis is unavailable"
            raise NotRecordedError(reason) from error

    def _commands(self, messages: list[bytes]) -> list[tuple[Any, ...]]:
        push: tuple[Any, ...] = ("RPUSH", keys.VOTES, *messages)
        if self._last_push is not None:
            push = ("EVAL", PUSH_SCRIPT, 1, keys.VOTES, self._last_push, *messages)
        if not self._replicas:
            return [push]
        # It counts for the connection that has sent the push.
        return [push, ("WAIT", self._replicas, WAIT_TIMEOUT)]

    async def _connect(self) -> AbstractConnection:
        """Take a connection from the pool. If it hangs, try again until the caller's time is over.

        A new connection may hang although Redis is well: the resolver waits 5 seconds for a lost
        packet.
        """
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(CONNECT_TIMEOUT):
                    connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
                    return connection


def _refuse(batch: Iterable[Waiting], error: NotRecordedError | UnsureError) -> None:
    for waiting in batch:
        if not waiting.acknowledged.done():  # the client may have hung up
            # Each gets an exception of its own: tracebacks of a shared one would add up.
            waiting.acknowledged.set_exception(type(error)(*error.args))
