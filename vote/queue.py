"""The way of a ballot into Redis: pushed, and acknowledged before the voter is answered."""

import asyncio
import bisect
import collections
import operator
import time
import typing

import redis.asyncio
import structlog

from common import ballot, dependency
from vote import metric, pusher

MAX_PENDING = 20_000  # ballots that wait for a push; beyond, voters are asked to come back
MAX_PUSH = 2_000  # ballots in one command
MAX_WAIT = ballot.PUSH_TIMEOUT  # seconds behind other pushes; beyond, they are refused as well
PUSHES = 2  # commands under way: the next one is there when Redis is done with the disk
CROWDED = "too many votes at once"

log = structlog.get_logger("queue")

Settle = typing.Callable[[pusher.QueueAway | None], None]


class Waiting(typing.NamedTuple):
    """A ballot that waits for a push, and since when, by the monotonic clock."""

    cast: ballot.Ballot
    settle: Settle
    since: float


SINCE: typing.Callable[[Waiting], float] = operator.attrgetter("since")


class Queue:
    """Pushes ballots. Those cast in the same turn of the event loop travel together in one RPUSH:
    one round trip and one fsync for all of them. While one is under way, the next leaves when it
    has as many, or when that one is back: much smaller ones would cost as much each.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        state: dependency.Dependency,
        metrics: metric.Metrics,
    ) -> None:
        self._state = state
        self._metrics = metrics
        self._pending: list[Waiting] = []  # oldest first
        self._pushers = [pusher.Pusher(client) for _ in range(PUSHES)]
        self._idle = list(self._pushers)
        self._pushing: set[asyncio.Task[None]] = set()
        self._is_starting = False  # a task has not taken its first batch yet
        self._under_way = 0  # ballots in commands that Redis has not answered

    def push_soon(self, cast: ballot.Ballot, settle: Settle) -> None:
        """Calls `settle` once Redis has acknowledged `cast`, or with why it has not."""
        if len(self._pending) >= MAX_PENDING:
            settle(pusher.QueueAway(CROWDED, told=CROWDED))
            return
        self._pending.append(Waiting(cast, settle, time.monotonic()))
        if self._idle and not self._is_starting and self._are_enough():
            self._is_starting = True
            pushing = asyncio.create_task(self._push_pending(self._idle.pop()))
            self._pushing.add(pushing)
            pushing.add_done_callback(self._pushing.discard)

    async def open(self) -> None:
        """Connects ahead, if it can now."""
        await asyncio.gather(*(each.open() for each in self._pushers))

    async def close(self) -> None:
        """Hangs up."""
        for each in self._pushers:
            await each.close()

    def _are_enough(self) -> bool:
        return len(self._pending) >= max(1, self._under_way)

    async def _push_pending(self, by: pusher.Pusher) -> None:
        loop = asyncio.get_running_loop()
        self._is_starting = False
        try:
            while batch := self._take():
                away = await self._push_batch(by, [each.cast for each in batch])
                if away is not None:  # nobody waits through more than one failure
                    not_sent = pusher.QueueAway(str(away), told=away.told)
                    loop.call_soon(_settle_all, self._pending, not_sent)
                    self._pending = []
                # Told while the next push is on its way already: neither waits for the other.
                loop.call_soon(_settle_all, batch, away)
        finally:
            self._idle.append(by)

    def _take(self) -> list[Waiting]:
        """The next batch; empty when it is too early for one.

        Who has waited too long is refused: no ballot comes later than its push and another one.
        """
        since = time.monotonic() - MAX_WAIT
        late = bisect.bisect_left(self._pending, since, key=SINCE)
        if late:
            refused, self._pending = self._pending[:late], self._pending[late:]
            crowded = pusher.QueueAway(CROWDED, told=CROWDED)
            asyncio.get_running_loop().call_soon(_settle_all, refused, crowded)
        if not self._are_enough():
            return []
        batch, self._pending = self._pending[:MAX_PUSH], self._pending[MAX_PUSH:]
        return batch

    async def _push_batch(
        self, by: pusher.Pusher, ballots: list[ballot.Ballot]
    ) -> pusher.QueueAway | None:
        started = time.perf_counter()
        self._under_way += len(ballots)
        try:
            await by.push([ballot.encode(each) for each in ballots])
        except pusher.QueueAway as away:
            self._state.away(away)
            return away
        finally:
            self._under_way -= len(ballots)
        if not self._state.is_full:  # else this one just fitted in: whether there is room again,
            self._state.up()  # the watch finds out
        self._metrics.push_seconds.observe(time.perf_counter() - started)
        self._metrics.push_batch_size.observe(len(ballots))
        for option, count in collections.Counter(each.vote for each in ballots).items():
            self._metrics.accepted[option].inc(count)
        return None


def _settle_all(batch: list[Waiting], away: pusher.QueueAway | None) -> None:
    for each in batch:
        try:
            each.settle(away)
        except Exception:
            log.exception("a voter was not told")  # the others are
