"""The pipeline before Postgres, as Redis shows it: the queue, the workers and the vote page."""

import asyncio
import datetime
import time
from typing import NamedTuple, NoReturn

import msgspec
import redis.asyncio

from common import keys
from common.ballot import PUSH_TIMEOUT
from common.dependency import Dependency
from common.poll import Poll
from common.redis_client import UNAVAILABLE

INTERVAL = 0.25  # seconds between two looks
TIMEOUT = 1.0  # seconds for one look
# A worker renews its heartbeat of 3 s twice a second. With less than this to live, it is silent:
# a look sees that before another worker, which waits the 3 s, requeues the ballots.
SILENT_TTL = 1_000  # ms
VOTE_PAGE_MAX_AGE = 3_000  # ms since the last heartbeat
GRACE = 5.0  # seconds after an outage of Redis in which heartbeats may be missing
# Seconds after closing in which a vote may still be on its way into Redis: it waits behind a push
# and then travels in one itself. One more, because clocks differ.
SETTLE = 2 * PUSH_TIMEOUT + 1.0


class Worker(NamedTuple):
    """One worker, as its heartbeat says; `last_commit` in ms since the epoch."""

    name: str
    alive: bool
    state: str
    last_commit: int | None
    claimed: int = 0
    silent: bool = False


class Snapshot(NamedTuple):
    """One look at Redis: the lengths of the lists, the workers, the vote page.

    For `GRACE` seconds after an outage, `workers` is None unless all are alive, and `vote_page` is
    None unless it is available. `vote_page` is also None until one was seen, because the classic
    vote page has no heartbeat.
    """

    waiting: int
    claimed: int
    dead: int
    workers: list[Worker] | None
    vote_page: bool | None


class Heartbeat(msgspec.Struct):
    """The value of a worker's heartbeat key."""

    state: str = "idle"
    last_commit: int | None = None


class Pipeline:
    """The newest look at Redis.

    Attributes:
        latest: What the last look found; None while Redis is unavailable.
        drained_at: When all votes of the closed poll were first known to be in Postgres.
        redis: The state of Redis.
    """

    def __init__(self, client: redis.asyncio.Redis, state: Dependency, poll: Poll) -> None:
        self.latest: Snapshot | None = None
        self.drained_at: datetime.datetime | None = None
        self.redis = state
        self._client = client
        self._poll = poll
        self._worker_names: list[str] = []
        self._has_seen_vote_page = False
        self._grace_until = 0.0  # monotonic, seconds

    async def follow(self) -> NoReturn:
        """Keep `latest` current until cancelled."""
        while True:
            was_settled = is_settled(self._poll, _now())  # before the look: no vote can follow it
            try:
                async with asyncio.timeout(TIMEOUT):
                    snapshot = await self._look()
            except UNAVAILABLE as error:
                self.latest = None
                self.redis.mark_unavailable(error)
            else:
                if self.redis.state == "unavailable":
                    self._grace_until = time.monotonic() + GRACE
                self.redis.mark_available()
                is_grace = time.monotonic() < self._grace_until
                self.latest = _known(snapshot) if is_grace else snapshot
                if snapshot.waiting + snapshot.claimed:
                    self.drained_at = None
                elif was_settled and self.drained_at is None:
                    self.drained_at = _now()
            await asyncio.sleep(INTERVAL)

    async def _look(self) -> Snapshot:
        # A vote moves from list to list, so all lists are read in one transaction. That includes
        # the claimed list of each worker: if the set of workers has changed, look again.
        while True:
            names = self._worker_names
            async with self._client.pipeline(transaction=True) as transaction:
                transaction.llen(keys.VOTES)
                transaction.llen(keys.DEAD)
                transaction.pttl(keys.VOTE_PAGE)
                transaction.smembers(keys.WORKERS)
                for name in names:
                    transaction.llen(keys.claimed(name))
                    transaction.get(keys.heartbeat(name))
                    transaction.pttl(keys.heartbeat(name))
                waiting, dead, ttl, members, *found = await transaction.execute()
            self._worker_names = sorted(member.decode(errors="replace") for member in members)
            if self._worker_names == names:
                break
        claims, beats, ttls = found[0::3], found[1::3], found[2::3]
        workers = list(map(_worker, names, beats, claims, ttls))
        return Snapshot(waiting, sum(claims), dead, workers, self._is_vote_page_available(ttl))

    def _is_vote_page_available(self, ttl: int) -> bool | None:
        """Judge the vote page by the time to live of its heartbeat (ms; negative: no key)."""
        if ttl >= 0:
            self._has_seen_vote_page = True
        if not self._has_seen_vote_page:
            return None
        return keys.VOTE_PAGE_TTL - ttl <= VOTE_PAGE_MAX_AGE


def is_settled(poll: Poll, moment: datetime.datetime) -> bool:
    """Return whether the poll was closed at `moment` and no vote was on its way into Redis."""
    return poll.is_closed(moment - datetime.timedelta(seconds=SETTLE))


def _known(snapshot: Snapshot) -> Snapshot:
    """Leave out the workers and the vote page, unless they have reported after the outage."""
    are_alive = snapshot.workers and all(worker.alive for worker in snapshot.workers)
    return snapshot._replace(
        workers=snapshot.workers if are_alive else None, vote_page=snapshot.vote_page or None
    )


def _worker(name: str, beat: bytes | None, claimed: int, ttl: int) -> Worker:
    try:
        heartbeat = msgspec.json.decode(beat or b"{}", type=Heartbeat)
    except msgspec.DecodeError:  # another program wrote it
        heartbeat = Heartbeat()
    alive, silent = beat is not None, ttl < SILENT_TTL
    return Worker(name, alive, heartbeat.state, heartbeat.last_commit, claimed, silent)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
