"""The stores for the tests: real servers, in containers or from wheels, which tests can break.

The environment variable TEST_STORES decides: `docker`, `wheels`, or `auto` (the default), which
takes Docker if an engine answers and has or gets the images.
"""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import redis.asyncio

MODES = ("auto", "docker", "wheels")


class Server(ABC):
    """One server. It keeps its address and its data when it is stopped and started again."""

    def __init__(self) -> None:
        self._is_running = True
        self._is_paused = False

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        await self._start()
        self._is_running = True

    async def stop(self) -> None:
        """Shut it down gracefully."""
        await self.resume()
        self._is_running = False
        await self._stop()

    async def kill(self) -> None:
        """End it at once (`kill -9`)."""
        self._is_running = self._is_paused = False
        await self._kill()

    async def pause(self) -> None:
        """Stop its processes: connections stay open, nothing answers."""
        self._is_paused = True
        await self._pause()

    async def resume(self) -> None:
        """End a pause, if there is one."""
        if self._is_paused:
            await self._resume()
            self._is_paused = False

    async def restore(self) -> None:
        """Make it run again after a test has stopped or paused it."""
        await self.resume()
        if not self._is_running:
            await self.start()

    @abstractmethod
    async def _start(self) -> None: ...

    @abstractmethod
    async def _stop(self) -> None: ...

    @abstractmethod
    async def _kill(self) -> None: ...

    @abstractmethod
    async def _pause(self) -> None: ...

    @abstractmethod
    async def _resume(self) -> None: ...


@dataclass(frozen=True)
class Stores:
    """Both stores."""

    database_url: str
    redis_url: str
    postgres: Server
    redis: Server

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which a service uses them."""
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}


@dataclass(frozen=True)
class Servers(Stores):
    """Both stores for a whole test session, with the URL of the database `postgres`."""

    kind: str  # "docker" or "wheels"


@contextlib.contextmanager
def opened() -> Iterator[Servers]:
    """Start both servers as TEST_STORES says, and stop them at the end."""
    from tests import store_docker, store_wheels

    mode = os.environ.get("TEST_STORES") or "auto"
    if mode not in MODES:
        raise ValueError(f"TEST_STORES: {mode!r} is not valid: use {', '.join(MODES)}")
    with contextlib.ExitStack() as held:
        if mode == "docker" or (mode == "auto" and store_docker.answers()):
            try:
                servers = held.enter_context(store_docker.opened())
            except store_docker.UnusableError:
                if mode == "docker":
                    raise
            else:
                yield servers
                return
        yield held.enter_context(store_wheels.opened())


@contextlib.asynccontextmanager
async def full(client: redis.asyncio.Redis) -> AsyncIterator[None]:
    """While the block runs, Redis refuses each command that needs memory."""
    before = (await client.config_get("maxmemory"))["maxmemory"]
    await client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        await client.config_set("maxmemory", before or "0")
