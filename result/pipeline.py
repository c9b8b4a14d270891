"""The pipeline before Postgres, as Redis shows it: the queue, the sessions and the replicas."""

import asyncio
import contextlib
import datetime
import time
from typing import NamedTuple, NoReturn

import msgspec
import redis.asyncio
import redis.exceptions

from common.dependency import Dependency
from common.poll import Poll
from common.queue import keys
from common.redis_client import UNAVAILABLE, check_write
from common.replica import Heartbeat, SessionOwner
from result.audience import Audience
from result.heartbeats import Heartbeats
from result.replicas import Replicas

INTERVAL = 0.25  # seconds between two looks while somebody watches
TIMEOUT = 1.0  # seconds for one look
# A session renews its heartbeat every second. With less than this to live, it is silent: a look
# sees that before another worker, which waits until the heartbeat expires, requeues the ballots.
SILENT_TTL = 1_000  # ms
GRACE = 5.0  # seconds after an outage of Redis in which heartbeats may be missing


class Session(NamedTuple):
    """A session of a worker, with the state and the last commit (ms since the epoch) of the worker.

    Attributes:
        replica: The name of the worker.
        silent: Whether the heartbeat is late or missing.
    """

    name: str
    replica: str
    alive: bool
    state: str
    last_commit: int | None
    claimed: int = 0
    silent: bool = False


class Snapshot(NamedTuple):
    """One look at Redis: the lengths of the lists, the sessions, and its time in µs.

    For `GRACE` seconds after an outage, `sessions` is None unless all are alive.
    """

    waiting: int
    claimed: int
    dead: int
    sessions: list[Session] | None
    time: int = 0


class Pipeline:
    """The newest look at Redis.

    Attributes:
        latest: What the last look found; None while Redis is unavailable.
        replicas: The replicas of all services. Those that lived before an outage of Redis live
            until `GRACE` seconds after it.
        drained_at: When Redis first took no more votes and all were in Postgres. It stays.
        redis: The state of Redis.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        state: Dependency,
        poll: Poll,
        heartbeats: Heartbeats,
        audience: Audience,
    ) -> None:
        self.latest: Snapshot | None = None
        self.replicas = Replicas()
        self.drained_at: datetime.datetime | None = None
        self.redis = state
        self._client = client
        self._heartbeats = heartbeats
        self._audience = audience
        self._last_push = poll.last_push
        self._session_names: list[str] = []
        self._certain_from = 0.0  # monotonic, seconds

    async def follow(self, interval: float = INTERVAL, grace: float = GRACE) -> NoReturn:
        """Keep `latest` and `replicas` current until cancelled."""
        while True:
            try:
                async with asyncio.timeout(TIMEOUT):
                    # Finds the new primary after a failover. Others can still be read.
                    with contextlib.suppress(redis.exceptions.RedisError):
                        await check_write(self._client)
                    if self.redis.state == "unavailable":
                        self._certain_from = time.monotonic() + grace
                    is_certain = time.monotonic() >= self._certain_from
                    self.replicas.note(self._heartbeats.alive(), is_certain=is_certain)
                    snapshot = await self._look()
            except UNAVAILABLE as error:
                self.latest = None
                self.redis.mark_unavailable(error)
            else:
                self.redis.mark_available()
                are_alive = snapshot.sessions and all(each.alive for each in snapshot.sessions)
                is_known = is_certain or are_alive
                self.latest = snapshot if is_known else snapshot._replace(sessions=None)
                is_over = self._last_push is not None and snapshot.time > self._last_push
                is_drained = is_over and not snapshot.waiting + snapshot.claimed
                if is_drained and self.drained_at is None:
                    self.drained_at = _now()
            await self._audience.pause(interval)

    async def _look(self) -> Snapshot:
        # A vote moves from list to list, so all lists are read in one transaction. That includes
        # the claimed list of each session: if the set of sessions has changed, look again.
        while True:
            names = self._session_names
            async with self._client.pipeline(transaction=True) as transaction:
                transaction.time()
                transaction.llen(keys.VOTES)
                transaction.llen(keys.DEAD)
                transaction.smembers(keys.SESSIONS)
                for name in names:
                    transaction.llen(keys.claimed(name))
                    transaction.get(keys.heartbeat(name))
                    transaction.pttl(keys.heartbeat(name))
                (seconds, micros), waiting, dead, members, *found = await transaction.execute()
            self._session_names = sorted(member.decode(errors="replace") for member in members)
            if self._session_names == names:
                break
        claims, owners, ttls = found[0::3], found[1::3], found[2::3]
        sessions = list(map(self._session, names, owners, claims, ttls))
        time_us = seconds * 1_000_000 + micros
        return Snapshot(waiting, sum(claims), dead, sessions, time_us)

    def _session(self, name: str, owner: bytes | None, claimed: int, ttl: int) -> Session:
        try:
            replica = msgspec.json.decode(owner or b"{}", type=SessionOwner).replica
        except msgspec.DecodeError:  # another program wrote it
            replica = ""
        # A dead session and one of an older worker have only their names: <replica>-<digits>.
        replica = replica or name.rpartition("-")[0]
        known = self.replicas.known.get(("worker", replica))
        worker = known.heartbeat if known else Heartbeat()
        is_alive, is_silent = owner is not None, ttl < SILENT_TTL
        return Session(
            name, replica, is_alive, worker.state, worker.last_commit, claimed, is_silent
        )


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
