"""The consumer: moves ballots from the queue to the store, batch by batch."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import structlog
from redis.asyncio import Redis

from common import redis_client, tracing
from common.backoff import delays
from common.dependency import Dependency
from common.queue.session import (
    HEARTBEAT_INTERVAL,
    HeartbeatDeletedError,
    HeartbeatLostError,
    Session,
)
from common.settings import SettingsError
from worker.batch import Batch, decode_batch, encode_dead
from worker.metrics import Metrics
from worker.progress import Progress
from worker.settings import Settings
from worker.store import UNAVAILABLE, DeadLetter, Rows, Store

BATCH_SIZE = 5_000  # ballots
FINISH_TIMEOUT = 4.0  # seconds that a stop waits for the batch in progress
REQUEUE_TIMEOUT = 3.0  # seconds; after that, another worker does it
STABLE = 5.0  # seconds; the end of a session that was longer resets the backoff

T = TypeVar("T")

log = structlog.get_logger("worker")


class Consumer:
    """Consumes the queue until it is stopped, through every outage of a store.

    Args:
        settings: Where Redis is.
        store: Where the ballots go.
        metrics: Counts what the worker does.
        redis: The state of Redis.
        open_session: Returns a session with a new name, by its connection.

    Attributes:
        batch_size: The most ballots in one transaction.
        progress: What this worker has done.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        metrics: Metrics,
        redis: Dependency,
        open_session: Callable[[Redis], Session],
    ) -> None:
        self.batch_size = BATCH_SIZE
        self.progress = Progress(metrics)
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._redis = redis
        self._open_session = open_session
        self._last_session: str | None = None
        self._is_stopping = False
        self._ended = asyncio.Event()

    async def run(self, stable: float = STABLE) -> None:
        """Consume until stopped. An error of Redis ends the session, and a new one starts.

        Any other error is a bug, and ends the process: see `common.background`.
        """
        try:
            await self._run_sessions(stable)
        finally:
            self._ended.set()

    async def _run_sessions(self, stable: float) -> None:
        pauses = delays()
        while True:
            started = time.monotonic()
            try:
                return await self._run_session()
            except* HeartbeatDeletedError:
                log.info("session ended: its heartbeat was deleted, as a reset does")
            except* HeartbeatLostError:
                self._metrics.heartbeat_lost.inc()
                log.warning("heartbeat expired: other workers may have requeued the batch")
            # All errors of Redis, its refusals too, or a URL that the library cannot read.
            except* (SettingsError, *redis_client.UNAVAILABLE) as group:
                self._redis.mark_unavailable(group.exceptions[0])
            self._store.forget_failure()  # without a session, nothing would clear it
            if time.monotonic() - started > stable:
                pauses = delays()
            await asyncio.sleep(next(pauses))

    async def stop(self) -> None:
        """Finish the batch in progress. Then cancel `run`, which requeues what is left.

        While Postgres is unavailable, the batch is requeued, too.
        """
        self._is_stopping = True
        if self.progress.state == "working":
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FINISH_TIMEOUT):
                    await self._ended.wait()

    async def _run_session(self) -> None:
        async with redis_client.connect(self._settings, "worker") as client:
            session = self._open_session(client)
            try:
                if self._last_session:  # Redis may have been unavailable when it ended
                    await session.requeue(self._last_session)
                self._last_session = session.name  # also if Redis ends while it registers
                await session.register()
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
            self.progress.state = "idle"
            batch = await (claiming or self._wait_and_claim(session))
            claiming = None
            if batch is None:
                continue
            if batch.size == self.batch_size:  # more messages probably wait
                # Claim and decode more while Postgres commits this batch. A claim appends to the
                # claimed list, so the messages that `acknowledge` removes stay in front.
                claiming = group.create_task(self._claim(session))
            self.progress.state = "working"
            with tracing.processing(batch.rows.ballots, batch.size):
                rejected = await self._retry(partial(self._commit, batch.rows))
                if finishing:
                    await finishing
                # Postgres need not wait for Redis: the next batch is committed meanwhile.
                finishing = group.create_task(self._finish(session, batch, rejected))

    async def _wait_and_claim(self, session: Session) -> Batch | None:
        return await self._claim(session) if await session.wait() else None

    async def _claim(self, session: Session) -> Batch | None:
        messages = await session.claim(self.batch_size)
        return decode_batch(messages) if messages else None

    async def _commit(self, rows: Rows) -> list[DeadLetter]:
        with self._metrics.commit_seconds.time(), tracing.committing(rows.ballots):
            return await self._store.commit(rows) if rows.ballots else []

    async def _finish(self, session: Session, batch: Batch, rejected: list[DeadLetter]) -> None:
        dead = [*batch.dead, *rejected]
        if dead:
            log.warning("dead letters", count=len(dead), last_reason=dead[-1].reason)
        self.progress.count(batch, dead)  # commits, including repeated ones
        await session.acknowledge(batch.size, batch.last, encode_dead(dead))

    async def _retry(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Repeat `operation` until it succeeds. `Store.ping` reports the reason of an outage."""
        pauses = delays()
        while True:
            try:
                return await operation()
            except UNAVAILABLE:
                self.progress.state = "waiting for postgres"
                await asyncio.sleep(next(pauses))

    async def _send_heartbeats(self, session: Session) -> None:
        while True:
            look = await session.heartbeat()
            self._redis.mark_available()
            self._metrics.queue_length.set(look.queue)
            self._metrics.claimed_length.set(look.claimed)
            self._metrics.dead_length.set(look.dead)
            for name, count in (await session.reap(look.ended)).items():
                self._metrics.reaped.inc(count)
                log.warning("requeued the ballots of a dead worker", session=name, ballots=count)
            await asyncio.sleep(HEARTBEAT_INTERVAL)
