"""The voting system for the tests of the pages: real stores, real processes, and faults at will."""

import contextlib
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis.asyncio

from common import keys
from tests import service, store, until

Pair = tuple[service.Service, service.Service]  # a vote and a result service


@dataclass
class System:
    """The three services, and the stores behind them."""

    services: service.Services
    environment: dict[str, str]
    stores: store.Stores
    vote: service.Service
    worker: service.Service
    result: service.Service

    async def restart_result(self) -> None:
        """Starts the result service again, at the same port."""
        self.result = self.services.start("result", **self._at(self.result))

    async def restart_vote(self) -> None:
        """Starts the vote service again, at the same port."""
        self.vote = self.services.start("vote", **self._at(self.vote))

    async def restart_worker(self) -> None:
        """Starts the worker again."""
        self.worker = self.services.start("worker", **self._at(self.worker))

    @contextlib.asynccontextmanager
    async def asking(self, **settings: str) -> AsyncIterator[Pair]:
        """Another vote and another result service on the same stores, with these settings."""
        environment = self.environment | settings
        port = service.free_port()
        result_url = f"http://127.0.0.1:{port}/"
        vote = self.services.start("vote", **environment, RESULT_URL=result_url)
        result = self.services.start(
            "result", **environment | {"VOTE_URL": vote.url}, PORT=str(port)
        )
        try:
            await vote.ready()
            await result.ready()
            yield vote, result
        finally:
            await vote.kill()
            await result.kill()

    def _at(self, process: service.Service) -> dict[str, str]:
        return {**self.environment, "PORT": str(process.port)}

    async def sql(self, statement: str, *values: object) -> list[asyncpg.Record]:
        """The rows that `statement` gives."""
        connection = await asyncpg.connect(self.stores.database_url)
        try:
            return list(await connection.fetch(statement, *values))
        finally:
            await connection.close()

    async def tallies(self) -> dict[str, int]:
        """The votes by option, as they are in Postgres."""
        rows = await self.sql("SELECT vote, count(*) AS voters FROM votes GROUP BY vote")
        return {row["vote"]: row["voters"] for row in rows}

    async def reset(self) -> None:
        """Makes everything run again, and forgets all votes."""
        await self.stores.postgres.mend()
        await self.stores.redis.mend()
        if self.vote.status is not None:
            await self.restart_vote()
        if self.worker.status is not None:
            await self.restart_worker()
        if self.result.status is not None:
            await self.restart_result()
        for process in (self.vote, self.worker, self.result):
            await process.ready()
        await self.drained()
        await self.sql("TRUNCATE votes")

    async def drained(self) -> None:
        """Waits until no vote is on its way. What was set aside is forgotten."""
        async with redis.asyncio.Redis.from_url(self.stores.redis_url) as client:

            async def is_empty() -> bool:
                return not await client.exists(keys.VOTES, *await client.keys(keys.claimed("*")))

            await until.true(is_empty, 15, "an empty queue")
            await client.delete(keys.DEAD)

    async def pretend(self, **voters: int) -> None:
        """Makes the tallies what they were after that many votes, without the votes."""
        await self.sql("DELETE FROM tally_shards")
        for vote, count in voters.items():
            await self.sql("INSERT INTO tally_shards VALUES ($1, 0, $2)", vote, count)
        await self.sql("SELECT pg_notify('tallies', '')")


@contextlib.asynccontextmanager
async def opened(servers: store.Servers, folder: Path, **settings: str) -> AsyncIterator[System]:
    """A running system with these settings, on an empty database and an empty Redis."""
    await servers.postgres.mend()
    await servers.redis.mend()
    name = f"browser_{uuid.uuid4().hex}"
    admin = await asyncpg.connect(servers.database_url)
    try:
        await admin.execute(f'CREATE DATABASE "{name}"')
        async with redis.asyncio.Redis.from_url(servers.redis_url) as client:
            await client.flushall()
    finally:
        await admin.close()
    stores = store.Stores(
        database_url=urlunsplit(urlsplit(servers.database_url)._replace(path=f"/{name}")),
        redis_url=servers.redis_url,
        postgres=servers.postgres,
        redis=servers.redis,
    )
    try:
        with service.opened(folder) as services:
            vote_port, result_port = service.free_port(), service.free_port()
            environment = {
                **stores.environment,
                "VOTE_URL": f"http://127.0.0.1:{vote_port}/",
                **settings,
            }
            system = System(
                services=services,
                environment=environment,
                stores=stores,
                vote=services.start("vote", **environment, PORT=str(vote_port)),
                worker=services.start("worker", **environment, WORKER_NAME="worker-1"),
                result=services.start("result", **environment, PORT=str(result_port)),
            )
            for process in (system.vote, system.worker, system.result):
                await process.ready()
            yield system
    finally:
        await servers.postgres.mend()
        await servers.redis.mend()
        admin = await asyncpg.connect(servers.database_url)
        try:
            await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        finally:
            await admin.close()
