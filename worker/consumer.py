"""The consumer: moves ballots from the queue to the store, batch by batch."""

import asyncio
import contextlib
import functools
import os
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog

from common import backoff, redis_client, tracing
from common.ballot import Ballot, BallotError, decode, encode, now
from common.dependency import Dependency
from common.faults import CRASHED, Faults
from common.metrics import total
from common.replica import Rate
from common.settings import SettingsError
from worker import store
from worker.metrics import Metrics
from worker.queue import (
    HEARTBEAT_INTERVAL,
    MAX_DEAD,
    HeartbeatDeletedError,
    HeartbeatLostError,
    Session,
)
from worker.settings import Settings
from worker.store import Rows, Store, newest_per_voter

FINISH_TIMEOUT = 4.0  # seconds that a stop waits for the batch in progress
PAUSE_INTERVAL = 0.1  # seconds between two looks at a fault
REQUEUE_TIMEOUT = 3.0  # seconds; after that, another worker does it
STABLE = 5.0  # seconds of a session after which its end counts as the first failure
LAG_AGE = 10_000  # ms; the heartbeat has the lags of newer batches
MAX_LAGS = 500
MAX_SHOWN = 1024  # bytes of a message in its dead letter

T = TypeVar("T")

log = structlog.get_logger("worker")


class DeadLetter(NamedTuple):
    """A message that can never be stored. `kind` is the reason as a metrics label."""

    message: bytes
    kind: str
    reason: str


class Batch(NamedTuple):
    """The messages of one claim.

    Attributes:
        size: The number of messages.
        is_full: Whether the claim has reached its limit. Then more messages probably wait.
        rows: The newest ballot of each voter.
        oldest: The earliest `cast_at` among them; None without ballots.
        dead: The messages that can never be stored.
    """

    size: int
    is_full: bool
    rows: Rows
    oldest: int | None
    dead: list[DeadLetter]


class Consumer:
    """Consumes the queue until it is stopped, through every outage of a store."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        metrics: Metrics,
        redis: Dependency,
        faults: Faults,
    ) -> None:
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._redis = redis
        self._faults = faults
        self._last_session: str | None = None
        self._is_stopping = False
        self._state = "idle"
        self._last_commit: int | None = None
        self._lags: deque[tuple[int, int]] = deque(maxlen=MAX_LAGS)  # commits and lags in ms
        self._commits = Rate(functools.partial(total, metrics.batch_size))

    async def run(self) -> None:
        """Consume until stopped. An error of Redis ends the session, and a new one starts."""
        failures = 0
        while True:
            started = time.monotonic()
            try:
                return await self._run_session()
            except* HeartbeatDeletedError:
                log.info("session ended: its heartbeat was deleted, as a reset does")
            except* HeartbeatLostError:
                self._metrics.lease_lost.inc()
                log.warning("heartbeat expired: other workers may have requeued the batch")
            except* (SettingsError, *redis_client.UNAVAILABLE) as group:
                self._redis.mark_unavailable(group.exceptions[0])
            except* Exception:
                log.exception("session failed")
            self._store.forget_failure()  # without a session, nothing would clear it
            is_stable = time.monotonic() - started > STABLE
            failures = 1 if is_stable else failures + 1
            await asyncio.sleep(backoff.delay(failures))

    async def stop(self, running: asyncio.Task[None]) -> None:
        """Finish the batch in progress, requeue what is left and end the task of `run`."""
        self._is_stopping = True
        if self._state == "working":
            await asyncio.wait({running}, timeout=FINISH_TIMEOUT)
        running.cancel()
        await asyncio.wait({running})

    def describe(self) -> dict[str, Any]:
        """Return what `/system` shows about this worker (see `common.replica`)."""
        oldest = _milliseconds() - LAG_AGE
        status: dict[str, Any] = {
            "faults": self._faults.describe(),
            "commits": self._commits.measure(),
            "lags": [lag for committed_at, lag in self._lags if committed_at > oldest],
        }
        if (state := self._status()["state"]) != "idle":
            status["state"] = state
        return status

    async def _run_session(self) -> None:
        async with redis_client.connect(self._settings, "worker") as client:
            session = Session(client, f"{self._settings.worker_name}-{secrets.token_hex(3)}")
            try:
                await session.register(self._status())
                if self._last_session:  # Redis may have been unavailable when it ended
                    await session.requeue(self._last_session)
                self._last_session = session.name
                async with asyncio.TaskGroup() as group:
                    heartbeats = group.create_task(self._send_heartbeats(session))
                    await self._consume(session, group)
                    heartbeats.cancel()
            finally:
                with contextlib.suppress(*redis_client.UNAVAILABLE):
                    async with asyncio.timeout(REQUEUE_TIMEOUT):
                        await session.requeue()

    async def _consume(self, session: Session, group: asyncio.TaskGroup) -> None:
        await self._retry(self._store.prepare)
        claiming: asyncio.Task[Batch | None] | None = None
        finishing: asyncio.Task[None] | None = None
        while not self._is_stopping:
            self._state = "idle"
            batch = await (claiming or self._wait_and_claim(session))
            claiming = None
            if batch is None:
                continue
            if batch.is_full:
                # Claim and decode more while Postgres commits this batch. A claim appends to the
                # claimed list, so the messages that `drop` removes stay in front.
                claiming = group.create_task(self._claim(session))
            self._state = "working"
            with tracing.processing(batch.rows.ballots, batch.size):
                rejected = await self._retry(functools.partial(self._commit, batch.rows))
                if await self._faults.take("worker-crash"):
                    log.warning("injected crash: the batch is committed and not dropped")
                    os._exit(CRASHED)
                if finishing:
                    await finishing
                # Postgres need not wait for Redis: the next batch is committed meanwhile.
                finishing = group.create_task(self._finish(session, batch, rejected))

    async def _wait_and_claim(self, session: Session) -> Batch | None:
        await session.wait()
        return await self._claim(session)

    async def _claim(self, session: Session) -> Batch | None:
        if self._faults.value("worker-pause"):
            await asyncio.sleep(PAUSE_INTERVAL)
            return None
        messages = await session.claim(self._settings.batch_size)
        return decode_batch(messages, self._settings.batch_size) if messages else None

    async def _commit(self, rows: Rows) -> list[store.Rejected]:
        with self._metrics.commit_seconds.time(), tracing.committing(rows.ballots):
            await self._faults.delay("slow-commit")
            return await self._store.commit(rows) if rows.ballots else []

    async def _finish(self, session: Session, batch: Batch, rejected: list[store.Rejected]) -> None:
        dead = [
            *batch.dead,
            *(
                DeadLetter(encode(each.ballot), "rejected", f"Postgres refuses it: {each.reason}")
                for each in rejected
            ),
        ]
        self._count(batch, dead)
        await session.drop(batch.size, _letters(dead))

    async def _retry(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Repeat `operation` until it succeeds. `Store.ping` reports the reason of an outage."""
        failures = 0
        while True:
            try:
                return await operation()
            except store.UNAVAILABLE:
                failures += 1
                self._state = "waiting for postgres"
                await asyncio.sleep(backoff.delay(failures))

    async def _send_heartbeats(self, session: Session) -> None:
        while True:
            lengths = await session.heartbeat(self._status())
            self._redis.mark_available()
            self._metrics.queue_length.set(lengths.queue)
            self._metrics.claimed_length.set(lengths.claimed)
            self._metrics.dead_length.set(lengths.dead)
            for name, count in (await session.reap()).items():
                self._metrics.reaped.inc(count)
                log.warning("requeued the ballots of a dead worker", session=name, ballots=count)
            await asyncio.sleep(HEARTBEAT_INTERVAL)

    def _status(self) -> dict[str, Any]:
        return {
            "state": "paused" if self._faults.value("worker-pause") else self._state,
            "last_commit": self._last_commit,
        }

    def _count(self, batch: Batch, dead: list[DeadLetter]) -> None:
        for letter in dead:
            self._metrics.dead.labels(letter.kind).inc()
        if dead:
            log.warning("dead letters", count=len(dead), last_reason=dead[-1].reason)
        self._metrics.batch_size.observe(batch.size)
        committed = batch.size - len(dead)
        if committed and batch.oldest is not None:
            self._last_commit = _milliseconds()
            self._metrics.committed.inc(committed)
            lag = max(0, now() - batch.oldest)  # µs
            self._lags.append((self._last_commit, lag // 1000))
            self._metrics.lag_seconds.observe(lag / 1e6)


def decode_batch(messages: Sequence[bytes], limit: int) -> Batch:
    """Decode a claim of up to `limit` messages."""
    ballots: list[Ballot] = []
    dead: list[DeadLetter] = []
    for message in messages:
        try:
            ballot = decode(message)
        except BallotError as error:
            dead.append(DeadLetter(message, error.kind, str(error)))
            continue
        if ballot.cast_at is msgspec.UNSET:  # "cast_at" is elsewhere, as in an id
            ballot = msgspec.structs.replace(ballot, cast_at=now())
        ballots.append(ballot)
    times = [ballot.cast_at for ballot in ballots if isinstance(ballot.cast_at, int)]
    return Batch(
        size=len(messages),
        is_full=len(messages) == limit,
        rows=newest_per_voter(ballots),
        oldest=min(times, default=None),
        dead=dead,
    )


def _letters(dead: list[DeadLetter]) -> list[bytes]:
    """Encode as many as are kept: all of a large batch would take longer than a heartbeat."""
    return [
        msgspec.json.encode(
            {
                "message": letter.message[:MAX_SHOWN].decode(errors="backslashreplace"),
                "reason": letter.reason,
                "at": _milliseconds(),
            }
        )
        for letter in dead[-MAX_DEAD:]
    ]


def _milliseconds() -> int:
    return now() // 1000
