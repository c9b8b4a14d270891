"""What every row needs: real stores from wheels in a temporary folder, and the services."""

import contextlib
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis.asyncio

from bench import core
from tests import service, store, store_wheels


@dataclass(frozen=True)
class Rig:
    """The running stores. `quick`: small sizes, to see that it works; the figures mean little."""

    servers: store.Servers
    folder: Path
    quick: bool

    def size(self, full: int, quick: int) -> int:
        """How much of something."""
        return quick if self.quick else full

    @contextlib.asynccontextmanager
    async def system(self, like: "System | None" = None) -> AsyncIterator["System"]:
        """Empty stores, and services that end with the block.

        `like`: a system to whose database nobody is connected; this one's begins as its copy.
        """
        name = f"bench_{uuid.uuid4().hex}"
        admin = await asyncpg.connect(self.servers.database_url)
        template = urlsplit(like.database_url).path.strip("/") if like else "template1"
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        async with redis.asyncio.Redis.from_url(self.servers.redis_url) as client:
            await client.flushall()
        url = urlsplit(self.servers.database_url)._replace(path=f"/{name}")
        try:
            with service.opened(self.folder) as services:
                yield System(urlunsplit(url), self.servers.redis_url, services)
        finally:
            await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await admin.close()


@dataclass(frozen=True)
class System:
    """Empty stores, and what starts services on them."""

    database_url: str
    redis_url: str
    services: service.Services

    async def start(
        self, module: str, *arguments: str, on: int | None = None, **environment: str
    ) -> service.Service:
        """Starts a service and waits until it is ready; `on`: the core that it is kept on."""
        stores = {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}
        started = await self.services.ready(module, *arguments, **{**stores, **environment})
        if on is not None and core.can_pin():
            core.pin(started.pid, on)
        return started


@contextlib.contextmanager
def opened(*, quick: bool) -> Iterator[Rig]:
    """The stores, started, and away with all their data at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="vote-bench-") as folder,
        store_wheels.opened() as servers,
    ):
        yield Rig(servers, Path(folder), quick)
