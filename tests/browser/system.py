"""The voting system for the tests of the pages: real stores, real processes, and faults at will."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis.asyncio

from common.queue import keys
from tests import service, store, until


@dataclass
class System:
    """The three services, and the stores behind them."""

    services: service.Services
    environment: dict[str, str]
    stores: store.Stores
    vote: service.Service
    worker: service.Service
    result: service.Service

    async def restart(self, name: str) -> None:
        """Start a service again, at the same port."""
        before: service.Service = getattr(self, name)
        if before.status is None:
            await before.kill()
        again = self.services.start(name, **self.environment, PORT=str(before.port))
        setattr(self, name, again)

    async def sql(self, statement: str, *values: object) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.stores.database_url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def tallies(self) -> dict[str, int]:
        """Wait until no vote is on its way, and return the votes by option."""
        await self.drained()
        rows = await self.sql("SELECT vote, count(*) AS voters FROM votes GROUP BY vote")
        return {row["vote"]: row["voters"] for row in rows}

    async def reset(self) -> None:
        """Make everything run again, and delete all votes."""
        await self.stores.postgres.restore()
        await self.stores.redis.restore()
        for name in ("vote", "worker", "result"):
            if getattr(self, name).status is not None:
                await self.restart(name)
            await getattr(self, name).ready()
        await self.drained()
        await self.sql("TRUNCATE votes")

    async def drained(self) -> None:
        """Wait until no vote is on its way."""
        async with redis.asyncio.Redis.from_url(self.stores.redis_url) as client:

            async def is_empty() -> bool:
                return not await client.exists(keys.VOTES, *await client.keys(keys.claimed("*")))

            await until.true(is_empty, 15, "an empty queue")

    async def set_tallies(self, **voters: int) -> None:
        """Set the tallies to what they were after that many votes."""
        await self.sql("DELETE FROM tally_shards")
        for vote, count in voters.items():
            await self.sql("INSERT INTO tally_shards VALUES ($1, 0, $2)", vote, count)
        await self.sql("SELECT pg_notify('tallies', '')")


@contextlib.asynccontextmanager
async def opened(servers: store.Servers, folder: Path, **settings: str) -> AsyncIterator[System]:
    """Yield a running system with these settings, on an empty database and an empty Redis."""
    await servers.postgres.restore()
    await servers.redis.restore()
    name = f"browser_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(servers.database_url)
    await admin.execute(f'CREATE DATABASE "{name}"')
    await admin.close()
    async with redis.asyncio.Redis.from_url(servers.redis_url) as client:
        await client.flushall()
    stores = store.Stores(
        database_url=urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}")),
        redis_url=servers.redis_url,
        postgres=servers.postgres,
        redis=servers.redis,
    )
    with service.opened(folder) as services:
        vote_port, result_port = service.free_port(), service.free_port()
        environment = {
            **stores.environment,
            "VOTE_URL": f"http://127.0.0.1:{vote_port}/",
            "RESULT_URL": f"http://127.0.0.1:{result_port}/",
            **settings,
        }
        system = System(
            services=services,
            environment=environment,
            stores=stores,
            vote=services.start("vote", **environment, PORT=str(vote_port)),
            worker=services.start("worker", **environment),
            result=services.start("result", **environment, PORT=str(result_port)),
        )
        for process in (system.vote, system.worker, system.result):
            await process.ready()
        yield system
