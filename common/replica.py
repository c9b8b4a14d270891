"""The heartbeat of a replica, which `result` shows.

A replica works without it: an outage of Redis only stops its heartbeats. Redis stores none of them.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, NoReturn

import msgspec
from prometheus_client import Counter, Histogram
from redis.asyncio import Redis

from common.clock import milliseconds
from common.metrics import total
from common.queue import keys
from common.redis_client import UNAVAILABLE, check_write

INTERVAL = 0.5  # seconds between two heartbeats, if their content differs
MAX_SILENCE = 0.9  # seconds after which an unchanged heartbeat is repeated
TIMEOUT = 2.0  # seconds for one heartbeat
RATE_INTERVALS = 4  # intervals over which a rate is measured
GONE = "gone"  # the state in the last heartbeat


class Heartbeat(msgspec.Struct, kw_only=True):
    """The content of a heartbeat. Each field has a default, so that versions can be mixed.

    Attributes:
        started_at: In ms since the epoch.
        state: "idle", "working", "gone", or why the replica does not work.
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

    async def publish(self) -> NoReturn:
        """Send heartbeats until cancelled, and then the last one."""
        sent, sent_at = Heartbeat(), 0.0
        try:
            while True:
                heartbeat = self._heartbeat()
                if heartbeat != sent or time.monotonic() - sent_at >= MAX_SILENCE:
                    with contextlib.suppress(*UNAVAILABLE):  # those who need Redis report it
                        await self._send(heartbeat)
                        sent, sent_at = heartbeat, time.monotonic()
                await asyncio.sleep(INTERVAL)
        finally:
            with contextlib.suppress(*UNAVAILABLE):
                service, name, _ = self._identity
                await self._send(Heartbeat(service=service, name=name, state=GONE))

    def _heartbeat(self) -> Heartbeat:
        heartbeat = self._describe()
        heartbeat.service, heartbeat.name, heartbeat.version = self._identity
        heartbeat.started_at = self._started_at
        heartbeat.rate = self._rate.measure()
        if heartbeat.rate and heartbeat.state == "idle":
            heartbeat.state = "working"
        return heartbeat

    async def _send(self, heartbeat: Heartbeat) -> None:
        async with asyncio.timeout(TIMEOUT):
            content = msgspec.json.encode(heartbeat)
            if not await self._client.publish(channel(self._client), content):
                await check_write(self._client)  # nobody listens: is it still the primary?


def channel(client: Redis) -> str:
    """Return the channel of the heartbeats."""
    return keys.replicas(client.connection_pool.connection_kwargs.get("db") or 0)


async def listen(client: Redis) -> AsyncIterator[Heartbeat]:
    """Yield the heartbeats of all replicas as they come.

    Raises:
        Exception: One of `common.redis_client.UNAVAILABLE`.
    """
    async with client.pubsub(ignore_subscribe_messages=True) as subscription:
        await subscription.subscribe(channel(client))
        async for message in subscription.listen():
            with contextlib.suppress(msgspec.DecodeError):  # another program sent it
                yield msgspec.json.decode(message["data"], type=Heartbeat)


class Rate:
    """How fast a metric grows: a counter, or the number of observations of a histogram."""

    def __init__(self, metric: Counter | Histogram) -> None:
        self._metric = metric
        self._samples = deque([(time.monotonic(), total(metric))], RATE_INTERVALS + 1)

    def measure(self) -> float:
        """Return the growth per second since `RATE_INTERVALS` calls ago."""
        self._samples.append((time.monotonic(), total(self._metric)))
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return round((after - before) / max(end - start, 0.001), 1)
