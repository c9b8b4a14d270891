"""The stores that the tests use: real servers, in containers or from wheels, with faults at will.

The environment variable TEST_STORES decides: `docker`, `wheels`, or `auto` (the default), which
takes Docker where an engine answers and has or gets the images.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

import redis.asyncio

MODES = ("auto", "docker", "wheels")


class Control(Protocol):
    """How one server is run. Every call returns when the thing is done."""

    def start(self) -> None:
        """Start it, at the same address and with the same data, and wait until it is ready."""

    def stop(self) -> None:
        """Stop it in an orderly way."""

    def kill(self) -> None:
        """End it at once, as a power cut of its machine would."""

    def pause(self) -> None:
        """Keep it from running: connections stay, nothing answers."""

    def resume(self) -> None:
        """End a pause."""


class Server:
    """One server, controlled from asynchronous tests. What a test breaks is mended after it."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._running = True
        self._paused = False

    async def start(self) -> None:
        """Start it, at the same address and with the same data, and wait until it is ready."""
        await asyncio.to_thread(self._control.start)
        self._running = True

    async def stop(self) -> None:
        """Stop it in an orderly way."""
        await self.resume()
        self._running = False
        await asyncio.to_thread(self._control.stop)

    async def kill(self) -> None:
        """End it at once (`kill -9`)."""
        self._running = False
        self._paused = False
        await asyncio.to_thread(self._control.kill)

    async def pause(self) -> None:
        """Keep it from running: connections stay, nothing answers."""
        self._paused = True
        await asyncio.to_thread(self._control.pause)

    async def resume(self) -> None:
        """End a pause, if there is one."""
        if self._paused:
            await asyncio.to_thread(self._control.resume)
            self._paused = False

    async def mend(self) -> None:
        """Make it run again, whatever a test did to it."""
        await self.resume()
        if not self._running:
            await self.start()


@dataclass(frozen=True)
class Servers:
    """Both servers, for a whole test session."""

    kind: str  # "docker" or "wheels"
    database_url: str  # of the database "postgres"
    redis_url: str
    postgres: Server
    redis: Server


@dataclass(frozen=True)
class Stores:
    """Both stores, empty, for one test."""

    database_url: str  # of a database made for this test
    redis_url: str
    postgres: Server
    redis: Server

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which a service uses them."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


@contextlib.contextmanager
def opened() -> Iterator[Servers]:
    """Start both servers as TEST_STORES says, and stop them at the end."""
    from tests import store_docker, store_wheels

    mode = os.environ.get("TEST_STORES") or "auto"
    if mode not in MODES:
        raise ValueError(f"TEST_STORES is {mode!r}: it must be one of {', '.join(MODES)}")
    with contextlib.ExitStack() as held:
        if mode == "docker" or (mode == "auto" and store_docker.answers()):
            try:
                servers = held.enter_context(store_docker.opened())
            except store_docker.Unusable:
                if mode == "docker":
                    raise
            else:
                yield servers
                return
        yield held.enter_context(store_wheels.opened())


@contextlib.asynccontextmanager
async def full(client: redis.asyncio.Redis) -> AsyncIterator[None]:
    """In this block Redis refuses each command that needs memory."""
    before = (await client.config_get("maxmemory"))["maxmemory"]
    await client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await client.config_set("maxmemory", before or "0")
