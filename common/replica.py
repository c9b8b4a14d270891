"""The heartbeat of a replica, which the page /system shows.

A replica works without it: an outage of Redis only stops its heartbeats.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, cast

import msgspec
from redis.asyncio import Redis

from common import keys
from common.redis_client import UNAVAILABLE, renew

TTL = 2_000  # ms; a dead worker is gone before its ballots are requeued
INTERVAL = 0.5  # seconds between two heartbeats
GOODBYE_TTL = 1  # ms; with this, no service needs the right to delete the key
TIMEOUT = 2.0  # seconds for one heartbeat
RATE_BEATS = 4  # heartbeats over which a rate is measured


class Beat(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The content of a heartbeat. Rates are per second.

    Attributes:
        started_at: In ms since the epoch.
        rate: Votes of vote, ballots of a worker, or updates that result sends.
        faults: The injected faults, in words.
        accent: The color of the vote page.
        browsers: Those that a replica of result serves.
        commits: Batches that a worker commits.
        lags: From cast to commit in ms, one for each of a worker's batches in the last 10 s.
    """

    service: str
    name: str
    version: str
    started_at: int
    state: str
    rate: float
    faults: list[str] = []
    accent: str | None = None
    browsers: int | None = None
    commits: float | None = None
    lags: list[int] = []


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
        count: Returns how much work the replica has done so far; its growth is the rate.
        describe: Returns further fields of `Beat`, once for each heartbeat. A state among them
            replaces "working" or "idle", which follow from the rate.
    """

    def __init__(
        self,
        client: Redis,
        identity: Identity,
        count: Callable[[], float],
        describe: Callable[[], dict[str, Any]],
    ) -> None:
        self._client = client
        self._identity = identity
        self._started_at = time.time_ns() // 1_000_000
        self._rate = Rate(count)
        self._describe = describe
        self._member = f"{identity.service}:{identity.name}"
        self._key = keys.replica(self._member)

    async def publish(self) -> NoReturn:
        """Send heartbeats until cancelled. Then the last one expires at once."""
        try:
            while True:
                with contextlib.suppress(*UNAVAILABLE):  # those who need Redis report the outage
                    async with asyncio.timeout(TIMEOUT):
                        await self._beat()
                await asyncio.sleep(INTERVAL)
        finally:
            with contextlib.suppress(*UNAVAILABLE):  # without Redis, it expires after `TTL`
                async with asyncio.timeout(TIMEOUT):
                    await renew(self._client, self._key, b"", GOODBYE_TTL)

    async def _beat(self) -> None:
        rate = self._rate.measure()
        beat = {
            **self._identity._asdict(),
            "started_at": self._started_at,
            "rate": rate,
            "state": "working" if rate else "idle",
            **self._describe(),
        }
        await renew(self._client, self._key, msgspec.json.encode(beat), TTL)
        await cast("Any", self._client.sadd(keys.REPLICAS, self._member))


async def read_beats(client: Redis) -> list[Beat]:
    """Return the newest heartbeat of each replica that lives, and remove the names of the others.

    Raises:
        Exception: One of `common.redis_client.UNAVAILABLE`.
    """
    members = [
        each.decode(errors="replace") for each in await cast("Any", client.smembers(keys.REPLICAS))
    ]
    values = await client.mget(map(keys.replica, members)) if members else []
    beats = []
    for member, value in zip(members, values, strict=True):
        if value is None:
            await cast("Any", client.srem(keys.REPLICAS, member))  # if it lives, it adds it again
        else:
            with contextlib.suppress(msgspec.DecodeError):  # another program wrote it
                beats.append(msgspec.json.decode(value, type=Beat))
    return beats


class Rate:
    """How fast a counter grows.

    Args:
        count: Returns the total so far.
    """

    def __init__(self, count: Callable[[], float]) -> None:
        self._count = count
        self._samples = deque([(time.monotonic(), count())], RATE_BEATS + 1)

    def measure(self) -> float:
        """Return the growth per second since `RATE_BEATS` calls ago."""
        self._samples.append((time.monotonic(), self._count()))
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return round((after - before) / max(end - start, 0.001), 1)
