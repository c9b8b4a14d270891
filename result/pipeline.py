"""The pipeline before Postgres, as Redis shows it: the queue, the sessions and the replicas."""

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
from common.replica import Heartbeat, SessionOwner, read_heartbeats
from result.replicas import Replicas

INTERVAL = 0.25  # seconds between two looks
TIMEOUT = 1.0  # seconds for one look
# A session renews its heartbeat twice a second. With less than this to live, it is silent: a look
# sees that before another worker, which waits until the heartbeat expires, requeues the ballots.
SILENT_TTL = 1_000  # ms
GRACE = 5.0  # seconds after an outage of Redis in which heartbeats may be missing
# Seconds after closing in which a vote may still be on its way into Redis: it waits behind a push
# and then travels in one itself. One more, because clocks differ.
SETTLE = 2 * PUSH_TIMEOUT + 1.0


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
    """One look at Redis: the lengths of the lists, and the sessions.

    For `GRACE` seconds after an outage, `sessions` is None unless all are alive.
    """

    waiting: int
    claimed: int
    dead: int
    sessions: list[Session] | None


class Pipeline:
    """The newest look at Redis.

    Attributes:
        latest: What the last look found; None while Redis is unavailable.
        replicas: The replicas of all services. Those that lived before an outage of Redis live
            until `GRACE` seconds after it.
        drained_at: When all votes of the closed poll were first known to be in Postgres.
        redis: The state of Redis.
    """

    def __init__(
        self,
        client: redis.asyncio.Redis,
        state: Dependency,
        poll: Poll,
        *,
        grace: float = GRACE,
        settle: float = SETTLE,
    ) -> None:
        self.latest: Snapshot | None = None
        self.replicas = Replicas()
        self.drained_at: datetime.datetime | None = None
        self.redis = state
        self._client = client
        self._poll = poll
        self._grace = grace
        self._settle = datetime.timedelta(seconds=settle)
        self._session_names: list[str] = []
        self._certain_from = 0.0  # monotonic, seconds

    async def follow(self, interval: float = INTERVAL) -> NoReturn:
        """Keep `latest` and `replicas` current until cancelled."""
        while True:
            # Before the look: no vote can follow it.
            was_settled = self._poll.is_closed(_now() - self._settle)
            try:
                async with asyncio.timeout(TIMEOUT):
                    heartbeats = await read_heartbeats(self._client)
                    if self.redis.state == "unavailable":
                        self._certain_from = time.monotonic() + self._grace
                    is_certain = time.monotonic() >= self._certain_from
                    self.replicas.note(heartbeats, is_certain=is_certain)
                    snapshot = await self._look()
            except UNAVAILABLE as error:
                self.latest = None
                self.redis.mark_unavailable(error)
            else:
                self.redis.mark_available()
                are_alive = snapshot.sessions and all(each.alive for each in snapshot.sessions)
                is_known = is_certain or are_alive
                self.latest = snapshot if is_known else snapshot._replace(sessions=None)
                if snapshot.waiting + snapshot.claimed:
                    self.drained_at = None
                elif was_settled and self.drained_at is None:
                    self.drained_at = _now()
            await asyncio.sleep(interval)

    async def _look(self) -> Snapshot:
        # A vote moves from list to list, so all lists are read in one transaction. That includes
        # the claimed list of each session: if the set of sessions has changed, look again.
        while True:
            names = self._session_names
            async with self._client.pipeline(transaction=True) as transaction:
                transaction.llen(keys.VOTES)
                transaction.llen(keys.DEAD)
                transaction.smembers(keys.SESSIONS)
                for name in names:
                    transaction.llen(keys.claimed(name))
                    transaction.get(keys.heartbeat(name))
                    transaction.pttl(keys.heartbeat(name))
                waiting, dead, members, *found = await transaction.execute()
            self._session_names = sorted(member.decode(errors="replace") for member in members)
            if self._session_names == names:
                break
        claims, owners, ttls = found[0::3], found[1::3], found[2::3]
        sessions = list(map(self._session, names, owners, claims, ttls))
        return Snapshot(waiting, sum(claims), dead, sessions)

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
