"""The drain: claims batches of ballots from the queue and commits them in the store."""

import asyncio
import contextlib
import operator
import re
import time
import typing

import orjson
import structlog

from common import backoff, ballot, concurrency, dependency, poll, redis_client
from worker import bulk, metric, queue, store

FINISH_TIMEOUT = 4.0  # seconds that a stop waits for the batch in hand
PUT_BACK_TIMEOUT = 3.0  # seconds; beyond, another worker does it
WELL_AFTER = 5.0  # seconds of a session after which its end is a first failure again
SHOWN_BYTES = 1024  # of a dead message, in its dead letter

CAST_AT: typing.Callable[[ballot.Ballot], int] = operator.attrgetter("cast_at")

log = structlog.get_logger("worker")


class Dead(typing.NamedTuple):
    """A message that can never be stored, and why."""

    message: bytes
    reason: str


class Batch(typing.NamedTuple):
    """What one claim brought: how many messages, the ballots in them, and the dead letters.

    `is_full`: more may wait. `oldest`: the earliest `cast_at`, in µs. `dead`: of the newest
    messages, as many as are kept.
    """

    size: int
    is_full: bool
    ballots: int
    newest: store.Sorted
    oldest: int
    dead: list[bytes]


class Drain:
    """Moves ballots from Redis to Postgres, whatever stops and comes back, until it is stopped."""

    def __init__(
        self,
        sessions: typing.Callable[[], queue.Session],
        stored: store.Store,
        metrics: metric.Metrics,
        *,
        redis: dependency.Dependency,
        postgres: dependency.Dependency,
        batch_size: int,
    ) -> None:
        self._sessions = sessions
        self._store = stored
        self._metrics = metrics
        self._redis = redis
        self._postgres = postgres
        self._batch_size = batch_size
        self._state = "idle"
        self._started = _milliseconds()
        self._committed = 0
        self._last_commit: int | None = None
        self._left: list[queue.Session] = []  # signed on, and did not put back what they had

    async def run(self, stop: asyncio.Event) -> None:
        """Drains until `stop`. Then the batch in hand is finished, or put back."""
        failures = 0
        while not stop.is_set():
            began, before = time.monotonic(), self._committed
            session = self._sessions()
            try:
                await self._run_session(session, stop)
                failures = 0
            except queue.HeartbeatLost:
                self._metrics.lease_lost.inc()
                log.warning("the heartbeat had run out: starting over, others may have taken over")
            except redis_client.Away as error:
                self._redis.away(error)
                await session.hang_up()
                was_well = self._committed > before or time.monotonic() - began > WELL_AFTER
                failures = 1 if was_well else failures + 1
                await concurrency.pause(stop, backoff.delay(failures))

    async def _run_session(self, session: queue.Session, stop: asyncio.Event) -> None:
        try:
            await session.sign_on(self._status(session))
            self._left.append(session)
            for left in self._left[:-1]:
                await self._put_back(left)
            self._redis.up()
            await concurrency.race(
                self._beat(session), self._reap(session), self._drain(session, stop), _limit(stop)
            )
        finally:
            with contextlib.suppress(*redis_client.Away):
                async with asyncio.timeout(PUT_BACK_TIMEOUT):
                    await self._put_back(session)

    async def _put_back(self, session: queue.Session) -> None:
        if count := await session.put_back():
            log.info("put back what was not committed", votes=count)
        self._left = [each for each in self._left if each is not session]

    async def _beat(self, session: queue.Session) -> None:
        while True:
            lengths = await session.beat(self._status(session))
            self._redis.up()
            self._metrics.queue_length.set(lengths.waiting)
            self._metrics.claimed_length.set(lengths.claimed)
            self._metrics.dead_length.set(lengths.dead)
            await asyncio.sleep(queue.HEARTBEAT_INTERVAL)

    async def _reap(self, session: queue.Session) -> None:
        while True:
            for name, count in (await session.reap()).items():
                self._metrics.reaped.inc(count)
                # Dead, or alive in a new session since the old one has missed its heartbeat.
                tell = log.warning if count else log.info
                tell("a worker went silent: its votes are back in the queue", who=name, votes=count)
            await asyncio.sleep(queue.REAP_INTERVAL)

    async def _drain(self, session: queue.Session, stop: asyncio.Event) -> None:
        stopping = asyncio.create_task(stop.wait())
        claiming = asyncio.create_task(self._claim(session))
        dropping: asyncio.Task[None] | None = None
        try:
            while True:
                if dropping and not claiming.done():
                    await dropping
                await asyncio.wait({claiming, stopping}, return_when=asyncio.FIRST_COMPLETED)
                if not claiming.done():
                    break
                batch = claiming.result()
                # While Postgres commits a full batch, the next one is claimed and made ready, and
                # the one before is dropped: it does not wait for Redis. Behind any other batch
                # there is nothing yet, and asking would only take a core from Postgres.
                if batch.is_full:
                    claiming = asyncio.create_task(self._claim(session))
                committed = await self._commit(batch, stop)
                if dropping:
                    await dropping
                dropping = None
                if not committed:
                    return
                dropping = asyncio.create_task(session.drop(batch.size, batch.dead))
                if stop.is_set():  # what is claimed ahead is put back
                    break
                if not batch.is_full:
                    claiming = asyncio.create_task(self._claim_next(session))
            if dropping:
                await dropping
        finally:
            await concurrency.cancel(stopping, claiming, *([dropping] if dropping else []))

    async def _claim(self, session: queue.Session) -> Batch:
        messages = await session.claim(self._batch_size)
        return self._decode(messages) if messages else await self._claim_next(session)

    async def _claim_next(self, session: queue.Session) -> Batch:
        messages: list[bytes] = []
        while not messages:
            messages = await session.claim_next(self._batch_size)
        return self._decode(messages)

    def _decode(self, messages: list[bytes]) -> Batch:
        dead: list[bytes] = []
        # Whatever options there are just now: when they change, votes of before still wait, and a
        # new vote page is there before a new worker.
        ballots = bulk.parse(messages, poll.OPTION_IDS)
        if ballots is None:
            ballots, dead = self._decode_each(messages)
        oldest = min(map(CAST_AT, ballots), default=0)
        newest = store.newest_of_each_voter(ballots)
        is_full = queue.is_full(messages, self._batch_size)
        return Batch(len(messages), is_full, len(ballots), newest, oldest, dead)

    def _decode_each(self, messages: list[bytes]) -> tuple[list[ballot.Ballot], list[bytes]]:
        ballots: list[ballot.Ballot] = []
        dead: list[Dead] = []
        for message in messages:
            try:
                cast = ballot.parse(message, poll.OPTION_IDS)
            except ballot.BallotError as error:
                dead.append(Dead(message, str(error)))
            else:
                ballots.append(
                    cast if cast.cast_at is not None else cast._replace(cast_at=ballot.now())
                )
        return ballots, self._bury(dead)

    async def _commit(self, batch: Batch, stop: asyncio.Event) -> bool:
        """Commits `batch`, however long Postgres is away; False when stopped meanwhile."""
        failures = 0
        self._state = "draining"
        while batch.ballots:
            started = time.perf_counter()
            try:
                rejected = await self._store.commit(batch.newest)
            except store.StoreAway as error:
                failures += 1
                self._state = "waiting for postgres"
                self._postgres.away(error)
                if await concurrency.pause(stop, backoff.delay(failures)):
                    return False
            else:
                self._metrics.commit_seconds.observe(time.perf_counter() - started)
                self._postgres.up()
                refused = [
                    Dead(ballot.encode(cast), f"Postgres refuses it: {reason}")
                    for cast, reason in rejected
                ]
                batch.dead.extend(self._bury(refused))
                self._count(batch, batch.ballots - len(rejected))
                break
        self._state = "idle"
        return True

    def _count(self, batch: Batch, committed: int) -> None:
        self._committed += committed
        self._last_commit = _milliseconds()
        self._metrics.committed.inc(committed)
        self._metrics.batch_size.observe(batch.size)
        self._metrics.lag_seconds.observe(max(0.0, (ballot.now() - batch.oldest) / 1e6))

    def _bury(self, dead: list[Dead]) -> list[bytes]:
        """The dead letters of the newest, as many as are kept: to make one of each takes too long.

        Ten thousands of them would outlast the heartbeat.
        """
        for each in dead:
            self._metrics.dead.labels(reason=re.split("[:(]", each.reason)[0].strip()).inc()
        letters = [
            orjson.dumps(
                {
                    "message": message[:SHOWN_BYTES].decode(errors="backslashreplace"),
                    "reason": reason,
                    "at": _milliseconds(),
                }
            )
            for message, reason in dead[-queue.DEAD_KEPT :]
        ]
        if dead:
            log.warning(
                "messages that can never be stored", count=len(dead), last=letters[-1].decode()
            )
        return letters

    def _status(self, session: queue.Session) -> dict[str, object]:
        return {
            "name": session.name,
            "state": self._state,
            "at": _milliseconds(),
            "started": self._started,
            "committed": self._committed,
            "last_commit": self._last_commit,
        }


async def _limit(stop: asyncio.Event) -> None:
    await stop.wait()
    await asyncio.sleep(FINISH_TIMEOUT)


def _milliseconds() -> int:
    return ballot.now() // 1000
