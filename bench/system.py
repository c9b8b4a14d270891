"""Real stores with their data in a temporary folder, and services on them."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import redis.asyncio

from standalone import folder
from standalone.child import Child, start, stop
from standalone.stores import Postgres, Valkey

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT = 60.0  # seconds
POLL = 0.005  # seconds
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"


@dataclass(frozen=True)
class Service:
    """A running program that listens on a port."""

    child: Child
    port: int
    started: float  # seconds, monotonic

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.child.process.pid

    async def answers(self, path: str = "/readyz") -> float:
        """Wait until a request is answered with status 200, and return the time since the start.

        Raises:
            RuntimeError: The program ended.
        """
        async with aiohttp.ClientSession() as client, asyncio.timeout(READY_TIMEOUT):
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with client.get(self.url + path) as answer:
                        if answer.status == 200:
                            return time.monotonic() - self.started
                if self.child.status is not None:
                    raise RuntimeError(self.child.describe_end())
                await asyncio.sleep(POLL)


@dataclass(frozen=True)
class System:
    """The stores, and the services that were started on them."""

    database_url: str
    redis_url: str
    is_quick: bool  # measure small amounts
    services: list[Service] = field(default_factory=list)

    def size(self, full: int, quick: int) -> int:
        """Return the amount to measure."""
        return quick if self.is_quick else full

    def start(self, module: str, core: int | None = None, **environment: str) -> Service:
        """Start `python -m module`, on one core if `core` is given."""
        port = _free_port()
        settings = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "LOG_LEVEL": "warning",
            "PYTHONPATH": str(ROOT / "bench" / "image"),  # the working folder is searched as well
        }
        with pinned(core):
            child = start(
                module,
                [sys.executable, "-m", module],
                cwd=ROOT,
                env={**os.environ, **settings, **environment},
            )
        self.services.append(Service(child, port, time.monotonic()))
        return self.services[-1]

    async def ready(self, module: str, core: int | None = None, **environment: str) -> Service:
        """Start `python -m module` and wait until it is ready."""
        service = self.start(module, core, **environment)
        await service.answers()
        return service

    @contextlib.contextmanager
    def replica_of_redis(self) -> Iterator[None]:
        """Run a replica of Redis while the block runs. Stores otherwise listen on sockets only."""
        port = _free_port()
        with (
            tempfile.TemporaryDirectory(prefix="vote-bench-") as path,
            redis.Redis.from_url(self.redis_url) as primary,
        ):
            Path(path).chmod(0o711)
            with folder.opened(Path(path) / "data") as data:
                valkey = Valkey(data)
                child = valkey.start()
                try:
                    while not valkey.is_ready():
                        time.sleep(POLL)
                    primary.config_set("port", port)
                    with redis.Redis.from_url(valkey.url) as replica:
                        replica.replicaof("127.0.0.1", port)
                        while replica.info("replication")["master_link_status"] != "up":
                            time.sleep(POLL)
                    yield
                finally:
                    stop([child])
                    primary.config_set("port", 0)

    @contextlib.asynccontextmanager
    async def empty(self) -> AsyncIterator[None]:
        """Empty the stores and create the tables. Services started in the block end with it."""
        async with redis.asyncio.Redis.from_url(self.redis_url) as client:
            await client.flushall()
        connection = await asyncpg.connect(self.database_url)
        await connection.execute(EMPTY)
        await connection.close()
        environment = {**os.environ, "DATABASE_URL": self.database_url, "LOG_LEVEL": "warning"}
        migrate = [sys.executable, "-m", "worker", "--migrate"]
        await asyncio.to_thread(subprocess.run, migrate, cwd=ROOT, env=environment, check=True)
        try:
            yield
        finally:
            stop(service.child for service in self.services)
            self.services.clear()


@contextlib.contextmanager
def opened(*, quick: bool) -> Iterator[System]:
    """Start the stores with their data in a temporary folder."""
    children: list[Child] = []
    with tempfile.TemporaryDirectory(prefix="vote-bench-") as path, contextlib.ExitStack() as held:
        Path(path).chmod(0o711)  # if this is root, the stores run as another user
        data = held.enter_context(folder.opened(Path(path) / "data"))
        held.callback(stop, children)
        postgres, valkey = Postgres(data), Valkey(data)
        for store in (postgres, valkey):
            children.append(store.start())
            while not store.is_ready():
                if children[-1].status is not None:
                    raise RuntimeError(children[-1].describe_end())
                time.sleep(POLL)
        yield System(postgres.url, valkey.url, quick)


@contextlib.contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keep programs that are started in the block on one core, where the system supports it."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def memory(pid: int) -> int:
    """Return the memory of a process, in bytes."""
    return int(psutil.Process(pid).memory_info().rss)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
