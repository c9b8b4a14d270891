"""The content of the page /system: every replica, and the votes on their way."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

import msgspec
from redis.asyncio import Redis

from common import faults
from common.faults import Fault
from common.redis_client import UNAVAILABLE
from common.replica import Beat, read_beats
from result.pipeline import Worker
from result.status import Status

TIMEOUT = 1.0  # seconds for one look at Redis
GONE = 10_000  # ms that a replica without heartbeat is shown
GRACE = 2_000  # ms after an outage of Redis in which heartbeats may be missing
MAX_PAUSE = 2_000  # ms without a look after which earlier replicas are forgotten


class Known(NamedTuple):
    """The last heartbeat of a replica, and since when there is none (ms since the epoch)."""

    beat: Beat
    gone_since: int | None


class System:
    """The newest heartbeats, together with the status.

    Args:
        status: The state of the stores, the queue and the tallies.
        client: The connection to Redis.
        presenter: Whether the presenter's panel is available.
    """

    def __init__(self, status: Status, client: Redis, *, presenter: bool) -> None:
        self._status = status
        self._client = client
        self._presenter = presenter
        self._known: dict[tuple[str, str], Known] = {}
        self._looked_at = 0  # ms since the epoch
        self._certain_from = 0  # ms since the epoch

    async def content(self) -> dict[str, Any]:
        """Return the content of the event `system`; times are in ms since the epoch."""
        beats, active = await self._look()
        now = time.time_ns() // 1_000_000
        self._note(beats, now)
        status = self._status.event()
        tally = self._status.tallies.latest
        lags = sorted(lag for beat in beats or [] for lag in beat.lags)
        return {
            "now": now,
            "replicas": self._replicas(),
            "abandoned": self._abandoned(),
            **{key: status[key] for key in ("waiting", "claimed", "dead", "redis", "postgres")},
            "stored": sum(tally.votes.values()) if tally else None,
            "browsers": sum(beat.browsers or 0 for beat in beats or []),
            "commits": sum(beat.commits or 0 for beat in beats or []),
            "latency": {"p50": _quantile(lags, 50), "p99": _quantile(lags, 99)} if lags else None,
            "faults": [{"id": fault.id, **asdict(fault)} for fault in active],
            "presenter": self._presenter,
        }

    async def _look(self) -> tuple[list[Beat] | None, list[Fault]]:
        """Return heartbeats and faults; None and nothing if Redis cannot be asked."""
        try:
            async with asyncio.timeout(TIMEOUT):
                return await read_beats(self._client), await faults.read(self._client)
        except UNAVAILABLE:  # the status says why
            return None, []

    def _note(self, beats: list[Beat] | None, now: int) -> None:
        """Note which replicas live, which are gone, and forget those that are gone for long."""
        if now - self._looked_at > MAX_PAUSE:
            self._known.clear()
        self._looked_at = now
        if beats is None:
            self._certain_from = now + GRACE
            return
        alive = {(beat.service, beat.name): Known(beat, None) for beat in beats}
        self._known |= alive
        for key in self._known.keys() - alive.keys():
            beat, gone_since = self._known[key]
            if gone_since is None and now >= self._certain_from:
                self._known[key] = Known(beat, now)
            elif gone_since is not None and now - gone_since > GONE:
                del self._known[key]

    def _abandoned(self) -> Counter[str] | None:
        """Return what silent sessions have claimed, by the name of their worker."""
        sessions = self._sessions()
        return None if sessions is None else _claims(each for each in sessions if each.silent)

    def _sessions(self) -> list[Worker] | None:
        """Return the sessions of all workers; None if they are unknown."""
        snapshot = self._status.pipeline.latest
        return snapshot.workers if snapshot else None

    def _replicas(self) -> list[dict[str, Any]]:
        claims = _claims(self._sessions() or [])
        replicas = []
        for _, (beat, gone_since) in sorted(self._known.items()):
            fields = msgspec.structs.asdict(beat) | {"gone_since": gone_since}
            del fields["lags"]
            if beat.service == "worker":
                fields["claimed"] = claims[beat.name]
            if gone_since:
                fields["rate"] = 0.0
            replicas.append(fields)
        return replicas


def _claims(sessions: Iterable[Worker]) -> Counter[str]:
    claims: Counter[str] = Counter()
    for each in sessions:
        claims[each.name.rpartition("-")[0]] += each.claimed  # <name>-<random digits>
    return claims


def _quantile(ascending: list[int], percent: int) -> int:
    return ascending[len(ascending) * percent // 100]
