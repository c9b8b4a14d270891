"""The heartbeat of a replica, which `result` shows.

A replica works without it: an outage of Redis only stops its heartbeats.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, cast

import msgspec
from prometheus_client import Counter, Histogram
from redis.asyncio import Redis

from common import keys
from common.clock import milliseconds
from common.metrics import total
from common.redis_client import UNAVAILABLE, read_names, renew

INTERVAL = 0.5  # seconds between two heartbeats
GOODBYE_TTL = 1  # ms; with this, no service needs the right to delete the key
TIMEOUT = 2.0  # seconds for one heartbeat
RATE_HEARTBEATS = 4  # heartbeats over which a rate is measured


class Heartbeat(msgspec.Struct, kw_only=True):
    """The content of a heartbeat. Each field has a default, so that versions can be mixed.

    Attributes:
        started_at: In ms since the epoch.
        state: "idle", "working", or why the replica does not work.
        rate: Per second: votes of vote, ballots of a worker, or updates that result sends.
        faults: The injected faults, in words.
        refused: Votes that a replica of vote has answered with an error, since its start.
        browsers: Those that a replica of result serves.
        commits: Batches that a worker commits, per second.
        last_commit: When a worker committed the last batch, in ms since the epoch.
        lags: From cast to commit in ms, one for each of a worker's batches in the last 10 s.
    """

    service: str = ""
    name: str = ""
    version: str = ""
    started_at: int = 0
    state: str = "idle"
    rate: float = 0.0
    faults: list[str] = []
    refused: int | None = None
    browsers: int | None = None
    commits: float | None = None
    last_commit: int | None = None
    lags: list[int] = []


class SessionOwner(msgspec.Struct):
    """The content of a session's key: the name of the worker, whose heartbeat has the rest."""

    replica: str = ""


class Identity(NamedTuple):
    """A service, the name of a replica of it, and the version that the replica shows."""

    service: str
    name: str
    version: str

    def __str__(self) -> str:
        """Return what the pages show."""
        return f"{self.name}, {self.version}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the HTTP headers that say who has answered."""
        return {"x-served-by": self.name, "x-version": self.version}


class Replica:
    """Publishes that this process lives, and what it does.

    Args:
        client: The connection to Redis.
        identity: What identifies this process.
        work: Counts what the replica does; its growth is the rate.
        describe: Returns what else a heartbeat says. "idle" becomes "working" if there is a rate.
    """

    def __init__(
        self,
        client: Redis,
        identity: Identity,
        work: Counter | Histogram,
        describe: Callable[[], Heartbeat],
    ) -> None:
        self._client = client
        self._identity = identity
        self._started_at = milliseconds()
        self._rate = Rate(work)
        self._describe = describe
        self._member = f"{identity.service}:{identity.name}"
        self._key = keys.replica(self._member)

    async def publish(self) -> NoReturn:
        """Send heartbeats until cancelled. Then the last one expires at once."""
        try:
            while True:
                with contextlib.suppress(*UNAVAILABLE):  # those who need Redis report the outage
                    async with asyncio.timeout(TIMEOUT):
                        await self._send()
                await asyncio.sleep(INTERVAL)
        finally:
            with contextlib.suppress(*UNAVAILABLE):  # without Redis, it expires by itself
                async with asyncio.timeout(TIMEOUT):
                    await renew(self._client, self._key, b"", GOODBYE_TTL)

    async def _send(self) -> None:
        heartbeat = self._describe()
        heartbeat.service, heartbeat.name, heartbeat.version = self._identity
        heartbeat.started_at = self._started_at
        heartbeat.rate = self._rate.measure()
        if heartbeat.rate and heartbeat.state == "idle":
            heartbeat.state = "working"
        content = msgspec.json.encode(heartbeat)
        await renew(self._client, self._key, content, keys.REPLICA_TTL)
        await cast("Any", self._client.sadd(keys.REPLICAS, self._member))


async def read_heartbeats(client: Redis) -> list[Heartbeat]:
    """Return the newest heartbeat of each replica that lives, and remove the names of the others.

    Raises:
        Exception: One of `common.redis_client.UNAVAILABLE`.
    """
    members = await read_names(client, keys.REPLICAS)
    values = await client.mget(map(keys.replica, members)) if members else []
    heartbeats = []
    for member, value in zip(members, values, strict=True):
        if value is None:
            await cast("Any", client.srem(keys.REPLICAS, member))  # if it lives, it adds it again
        else:
            with contextlib.suppress(msgspec.DecodeError):  # another program wrote it
                heartbeats.append(msgspec.json.decode(value, type=Heartbeat))
    return heartbeats


class Rate:
    """How fast a metric grows: a counter, or the number of observations of a histogram."""

    def __init__(self, metric: Counter | Histogram) -> None:
        self._metric = metric
        self._samples = deque([(time.monotonic(), total(metric))], RATE_HEARTBEATS + 1)

    def measure(self) -> float:
        """Return the growth per second since `RATE_HEARTBEATS` calls ago."""
        self._samples.append((time.monotonic(), total(self._metric)))
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return round((after - before) / max(end - start, 0.001), 1)
