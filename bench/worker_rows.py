"""Ballots committed a second, beside a bare loop of the same upsert."""

import asyncio
import time
import typing

import asyncpg
import redis.asyncio

from bench import ballots, core, rig, row
from common import keys
from tests import until
from worker import store

BATCH = 5_000  # ballots, as the worker's default
FINISH_TIMEOUT = 300.0  # seconds
CORES = f"worker, Postgres, Valkey on {core.ANY}"


async def rows(running: rig.Rig) -> list[row.Row]:
    voters = running.size(1_000_000, 10_000)
    count = running.size(2_000_000, 40_000)
    limit = await _bare(running, voters, count)
    one = await _workers(running, voters, count, 1)
    measured = [
        row.at_least(
            0.9,
            row="worker: ballots committed, 1 worker",
            cores=CORES,
            unit="/s",
            ours=one,
            limit=limit,
            beside="bare upsert",
        )
    ]
    rates = {number: await _workers(running, voters, count, number) for number in (2, 4)}
    for number, rate in rates.items():
        measured.append(
            row.at_least(
                1.5,
                row=f"worker: ballots committed, {number} workers",
                cores=CORES,
                unit="/s",
                ours=rate,
                limit=one,
                beside="1 worker",
            )
        )
    measured.append(
        row.Row(
            "worker: 2 workers beside 2 bare loops",
            CORES,
            rates[2],
            "/s",
            "",
            None,
            await _bare(running, voters, count, 2),
            "2 bare upserts",
        )
    )
    return measured


async def _bare(running: rig.Rig, voters: int, count: int, loops: int = 1) -> float:
    """Ballots a second of the same upsert in loops: no queue, no tallies, no parsing."""
    async with running.system() as system:
        connection = await asyncpg.connect(system.database_url)
        await ballots.fill(connection, voters)
        await connection.execute("ALTER TABLE votes DISABLE TRIGGER USER")
        batches = []
        for first in range(0, count, BATCH):
            made = [ballots.make(each, voters) for each in range(first, first + BATCH)]
            batches.append(store.as_arrays(sorted(made)))
        await connection.close()
        connections = [await asyncpg.connect(system.database_url) for _ in range(loops)]
        upserts = [await each.prepare(store.UPSERT) for each in connections]
        began = time.perf_counter()
        await asyncio.gather(
            *(_repeat(upsert, batches[each::loops]) for each, upsert in enumerate(upserts))
        )
        seconds = time.perf_counter() - began
        for each in connections:
            await each.close()
        return count / seconds


async def _repeat(upsert: typing.Any, batches: list[tuple[str, str, str]]) -> None:
    for arrays in batches:
        await upsert.fetch(*arrays)


async def _workers(running: rig.Rig, voters: int, count: int, number: int) -> float:
    """Ballots a second of so many workers. Raises RuntimeError if a tally is not exact."""
    async with running.system() as system:
        connection = await asyncpg.connect(system.database_url)
        await ballots.fill(connection, voters)
        async with redis.asyncio.Redis.from_url(system.redis_url) as client:
            await ballots.pile(client, count, voters)
            workers = [
                await system.start("worker", WORKER_NAME=f"worker-{each}") for each in range(number)
            ]
            began = time.perf_counter()
            await ballots.release(client)

            async def is_done() -> bool:
                return await ballots.left(client) == 0

            await until.true(is_done, FINISH_TIMEOUT)
            seconds = time.perf_counter() - began
            dead = await client.llen(keys.DEAD)
        await _check(connection, voters + count // 2, dead)
        await connection.close()
        if faults := [each.name for each in workers if "deadlock" in each.log.lower()]:
            raise RuntimeError(f"a deadlock: {faults}")
        return count / seconds


async def _check(connection: asyncpg.Connection, expected: int, dead: int) -> None:
    counted = dict(await connection.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
    tallies = dict(await connection.fetch("SELECT vote, voters FROM tallies"))
    if counted != tallies or sum(counted.values()) != expected or dead:
        raise RuntimeError(f"{expected} voters, {dead} dead, but {counted} and tallies {tallies}")
