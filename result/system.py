"""The content of the page /system: every replica, and the votes on their way."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import msgspec
from redis.asyncio import Redis

from common import faults
from common.clock import milliseconds
from common.faults import Fault
from common.redis_client import UNAVAILABLE, find_servers
from common.templating import version_hue
from result.pipeline import Session
from result.servers import Replication, Servers
from result.status import Status

TIMEOUT = 1.0  # seconds for one look at Redis


class System:
    """The replicas, together with the status.

    Args:
        status: The state of the stores, the queue, the replicas and the tallies.
        client: The connection to Redis.
        presenter: Whether the presenter's panel is available.
        sentinels: Whether Sentinels name the primary of Redis.
    """

    def __init__(self, status: Status, client: Redis, *, presenter: bool, sentinels: bool) -> None:
        self._status = status
        self._client = client
        self._presenter = presenter
        self._sentinels = sentinels
        self._redis, self._postgres = Replication(), Replication()

    async def content(self) -> dict[str, Any]:
        """Return the content of the event `system`; times are in ms since the epoch."""
        active = await self._active_faults()
        status = self._status.event()
        tally = self._status.tallies.latest
        snapshot = self._status.pipeline.latest
        sessions = snapshot.sessions if snapshot else None
        silent = None if sessions is None else [each for each in sessions if each.silent]
        heartbeats = self._status.pipeline.replicas.alive() if snapshot else []
        lags = sorted(lag for each in heartbeats for lag in each.lags)
        return {
            "now": milliseconds(),
            "replicas": self._replicas(_claims(sessions or [])),
            "abandoned": None if silent is None else _claims(silent),
            **{
                key: status[key]
                for key in ("poll", "waiting", "claimed", "dead", "redis", "postgres")
            },
            "stored": sum(tally.votes.values()) if tally else None,
            "browsers": sum(each.browsers or 0 for each in heartbeats),
            "commits": sum(each.commits or 0 for each in heartbeats),
            "latency": {"p50": _quantile(lags, 50), "p99": _quantile(lags, 99)} if lags else None,
            "servers": {
                "redis": await self._redis.describe(await self._redis_servers()),
                "postgres": await self._postgres.describe(self._status.tallies.servers),
            },
            "faults": [{"id": fault.id, **asdict(fault)} for fault in active],
            "presenter": self._presenter,
        }

    async def _active_faults(self) -> list[Fault]:
        try:
            async with asyncio.timeout(TIMEOUT):
                return await faults.read(self._client)
        except UNAVAILABLE:  # the status says why
            return []

    async def _redis_servers(self) -> Servers | None:
        if not self._sentinels:
            return None
        try:
            async with asyncio.timeout(TIMEOUT):
                return Servers(*await find_servers(self._client))
        except UNAVAILABLE:  # the status says why
            return None

    def _replicas(self, claims: Counter[str]) -> list[dict[str, Any]]:
        replicas = []
        for _, (heartbeat, gone_since) in sorted(self._status.pipeline.replicas.known.items()):
            fields = msgspec.structs.asdict(heartbeat) | {"gone_since": gone_since}
            fields["hue"] = version_hue(heartbeat.version)
            del fields["lags"], fields["last_commit"]
            if heartbeat.service == "worker":
                fields["claimed"] = claims[heartbeat.name]
            if gone_since:
                fields["rate"] = 0.0
            replicas.append(fields)
        return replicas


def _claims(sessions: Iterable[Session]) -> Counter[str]:
    """Return what sessions have claimed, by the name of their worker."""
    claims: Counter[str] = Counter()
    for each in sessions:
        claims[each.replica] += each.claimed
    return claims


def _quantile(ascending: list[int], percent: int) -> int:
    return ascending[len(ascending) * percent // 100]
