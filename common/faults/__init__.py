"""Fault injection, for teaching: set in Redis, and applied by all replicas within a second.

`python -m common.faults` sets and clears them, too. No fault can lose an acknowledged vote.
"""

import asyncio
import contextlib
import random
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, cast

import msgspec
from redis.asyncio import Redis

from common.clock import milliseconds
from common.queue import keys
from common.redis_client import UNAVAILABLE

SECONDS = 60  # of a fault, unless its presenter chooses
MAX_SECONDS = 600
CRASHED = 70  # exit status of a process that crashes because of an injected fault
INTERVAL = 0.9  # seconds between two looks at Redis
TIMEOUT = 2.0  # seconds for one command


class FaultError(ValueError):
    """A fault cannot be set. The text gives the wrong value and says how to fix it."""


class Kind(NamedTuple):
    """A kind of fault: the service that has it, its name there, and its value, if it has one."""

    service: str
    label: str
    unit: str = ""
    default: int | None = None
    most: int = 0


KINDS = {
    "vote-latency": Kind("vote", "latency", "ms", 500, 10_000),
    "vote-errors": Kind("vote", "errors", "%", 50, 100),
    "worker-pause": Kind("worker", "pause"),
    "slow-commit": Kind("worker", "slow commit", "ms", 500, 10_000),
    "worker-crash": Kind("worker", "crash"),
    "result-freeze": Kind("result", "freeze"),
    "connection-drops": Kind("result", "drops", "%", 20, 100),
}


@dataclass(frozen=True)
class Fault:
    """A fault of one replica, or of all replicas of a service, until a time (ms, epoch)."""

    kind: str
    service: str
    replica: str | None
    value: int | None
    until: int

    @property
    def id(self) -> str:
        """The identity of the fault: setting it again replaces it."""
        return f"{self.kind}:{self.service}:{self.replica or '*'}"

    def __str__(self) -> str:
        """Return it in words, for example "latency 500 ms"."""
        kind = KINDS[self.kind]
        return kind.label if self.value is None else f"{kind.label} {self.value} {kind.unit}"


def create(
    kind: str,
    *,
    replica: str | None = None,
    value: int | None = None,
    seconds: int = SECONDS,
) -> Fault:
    """Return a fault that starts now.

    Args:
        kind: One of `KINDS`.
        replica: The name of a replica; None: all replicas of the service.
        value: In the unit of the kind; None: the default. A kind without a unit ignores it.
        seconds: How long it lasts.

    Raises:
        FaultError: An argument is wrong.
    """
    if kind not in KINDS:
        raise FaultError(f"kind: {kind!r} is unknown: use one of {', '.join(KINDS)}")
    of = KINDS[kind]
    if replica == "":
        raise FaultError("replica: the name is empty: give one, or leave it out for all replicas")
    if value is None or not of.unit:
        value = of.default
    elif not 1 <= value <= of.most:
        raise FaultError(f"value: {value} is out of range (1 to {of.most} {of.unit})")
    if not 1 <= seconds <= MAX_SECONDS:
        raise FaultError(f"seconds: {seconds} is out of range (1 to {MAX_SECONDS})")
    return Fault(kind, of.service, replica, value, milliseconds() + seconds * 1000)


async def read(client: Redis) -> list[Fault]:
    """Return all faults that have not ended.

    Raises:
        Exception: One of `common.redis_client.UNAVAILABLE`.
    """
    async with asyncio.timeout(TIMEOUT):
        found: dict[bytes, bytes] = await cast("Any", client.hgetall(keys.FAULTS))
    faults = [fault for value in found.values() if (fault := _decode(value))]
    return [fault for fault in faults if fault.until > milliseconds()]


async def add(client: Redis, fault: Fault) -> None:
    """Set a fault. Raises as `read` does."""
    async with asyncio.timeout(TIMEOUT):
        await cast("Any", client.hset(keys.FAULTS, fault.id, msgspec.json.encode(fault).decode()))
        await client.expire(keys.FAULTS, MAX_SECONDS)  # no fault in it lasts longer


async def clear(client: Redis) -> None:
    """End all faults. Raises as `read` does."""
    async with asyncio.timeout(TIMEOUT):
        await client.delete(keys.FAULTS)


class Faults:
    """The faults of one replica. Without `follow` it never has any.

    Attributes:
        current: The faults at the last look at Redis. Check this first where speed matters.
    """

    def __init__(self, client: Redis, service: str, replica: str) -> None:
        self.current: list[Fault] = []
        self._client = client
        self._service = service
        self._replica = replica

    async def follow(self) -> NoReturn:
        """Keep `current` up to date until cancelled. Without Redis, faults still end in time."""
        while True:
            with contextlib.suppress(*UNAVAILABLE):
                self.current = [
                    fault
                    for fault in await read(self._client)
                    if fault.service == self._service and fault.replica in (None, self._replica)
                ]
            await asyncio.sleep(INTERVAL)

    def active(self) -> list[Fault]:
        """Return the faults that this replica has now."""
        now = milliseconds()
        return [fault for fault in self.current if fault.until > now]

    def describe(self) -> list[str]:
        """Return the same in words."""
        return [str(fault) for fault in self.active()]

    def value(self, kind: str) -> int:
        """Return the value of a kind of fault: 0 without the fault, 1 if the kind has no unit."""
        return max((fault.value or 1 for fault in self.active() if fault.kind == kind), default=0)

    async def delay(self, kind: str) -> None:
        """Wait for as many milliseconds as a fault of this kind says."""
        if milliseconds := self.value(kind):
            await asyncio.sleep(milliseconds / 1000)

    def hits(self, kind: str) -> bool:
        """Return whether a fault of this kind, which has a value in percent, happens now."""
        return random.random() * 100 < self.value(kind)  # noqa: S311 (not a secret)

    async def take(self, kind: str) -> bool:
        """End a fault of this kind. True for one caller only, so that it happens once."""
        ids = [fault.id for fault in self.active() if fault.kind == kind]
        if not ids:
            return False
        async with asyncio.timeout(TIMEOUT):
            return bool(await cast("Any", self._client.hdel(keys.FAULTS, *ids)))


def _decode(value: bytes) -> Fault | None:
    try:
        fault = msgspec.json.decode(value, type=Fault)
    except msgspec.DecodeError:  # another program wrote it
        return None
    return fault if fault.kind in KINDS else None
