"""Ballots committed a second, beside a bare loop of the same upsert."""

import asyncio
import functools
import statistics
import time
import typing
from collections.abc import Awaitable, Callable

import asyncpg
import redis.asyncio

from bench import ballots, core, rig, row
from common import ballot, keys
from tests import until
from worker import store

BATCH = 5_000  # ballots, as the worker's default
TURNS = 2
NUMBERS = (1, 2, 4)  # of workers
FINISH_TIMEOUT = 300.0  # seconds
OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
CORES = f"worker, Postgres, Valkey on {core.ANY}"


async def rows(running: rig.Rig) -> list[row.Row]:
    voters = running.size(1_000_000, 10_000)
    made = [ballots.make(each, voters) for each in range(running.size(2_000_000, 40_000))]
    async with running.system() as filled:
        connection = await asyncpg.connect(filled.database_url)
        await ballots.fill(connection, voters)
        await connection.close()
        bare = functools.partial(_bare, running, filled, _batches(made))
        # Copied: what the JSON library gives keeps a page of memory, whatever its length.
        messages = [bytes(memoryview(ballot.encode(each))) for each in made]
        ours = functools.partial(_workers, running, filled, messages)
        measures = {
            "1 bare upsert": functools.partial(bare, 1),
            **{f"{number} workers": functools.partial(ours, number) for number in NUMBERS},
            "2 bare upserts": functools.partial(bare, 2),
        }
        # A worker with its share of Postgres on a core, and so many of them: what they take from
        # each other, when what a machine lacks is not cores.
        alike = [each for each in NUMBERS if core.can_pin() and each <= core.COUNT]
        for each in alike:
            measures[f"{each} on as many cores"] = functools.partial(_on_cores, ours, each)
        taken: dict[str, list[float]] = {name: [] for name in measures}
        for turn in range(running.size(TURNS, 1)):
            for name in list(measures)[:: -1 if turn % 2 else 1]:
                taken[name].append(await measures[name]())
    rates = {name: statistics.fmean(each) for name, each in taken.items()}
    one = rates["1 workers"]
    return [
        row.at_least(
            0.9,
            row="worker: ballots committed, 1 worker",
            cores=CORES,
            unit="/s",
            ours=one,
            limit=rates["1 bare upsert"],
            beside="bare upsert",
        ),
        *(
            row.at_least(
                1.5,
                row=f"worker: ballots committed, {number} workers",
                cores=CORES,
                unit="/s",
                ours=rates[f"{number} workers"],
                limit=one,
                beside="1 worker",
            )
            for number in NUMBERS[1:]
        ),
        *(
            row.at_least(
                1.5,
                row=f"worker: ballots committed, {number} workers, a core each",
                cores=f"workers, Postgres, Valkey on {number} cores",
                unit="/s",
                ours=rates[f"{number} on as many cores"],
                limit=rates["1 on as many cores"],
                beside="1 worker, all on 1 core",
            )
            for number in alike[1:]
        ),
        row.Row(
            "worker: 2 workers beside 2 bare loops",
            CORES,
            rates["2 workers"],
            "/s",
            "",
            None,
            rates["2 bare upserts"],
            "2 bare upserts",
        ),
    ]


Arrays = tuple[str, str, str]  # of a batch, as the upsert is given them


def _batches(made: list[ballot.Ballot]) -> list[Arrays]:
    firsts = range(0, len(made), BATCH)
    return [store.as_arrays(sorted(made[first : first + BATCH])) for first in firsts]


async def _bare(running: rig.Rig, filled: rig.System, batches: list[Arrays], loops: int) -> float:
    """Ballots a second of the same upsert in loops: no queue, no tallies, no parsing."""
    async with running.system(filled) as system:
        connections = [await asyncpg.connect(system.database_url) for _ in range(loops)]
        await connections[0].execute("ALTER TABLE votes DISABLE TRIGGER USER")
        upserts = [await each.prepare(store.UPSERT) for each in connections]
        began = time.perf_counter()
        await asyncio.gather(
            *(_repeat(upsert, batches[each::loops]) for each, upsert in enumerate(upserts))
        )
        seconds = time.perf_counter() - began
        for each in connections:
            await each.close()
        return len(batches) * BATCH / seconds


async def _repeat(upsert: typing.Any, batches: list[Arrays]) -> None:
    for arrays in batches:
        await upsert.fetch(*arrays)


async def _workers(
    running: rig.Rig, filled: rig.System, messages: list[bytes], number: int
) -> float:
    """Ballots a second of so many workers.

    Raises RuntimeError if a tally is not exact, or if there was a deadlock.
    """
    async with running.system(filled) as system:
        connection = await asyncpg.connect(system.database_url)
        before = await connection.fetchval("SELECT count(*) FROM votes")
        async with redis.asyncio.Redis.from_url(system.redis_url) as client:
            await ballots.pile(client, messages)
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
        await _check(connection, before + len(messages) // 2, dead)
        await asyncio.gather(*(each.terminate() for each in workers))
        if deadlocks := await _deadlocks(connection):
            raise RuntimeError(f"{deadlocks} deadlocks")
        await connection.close()
        return len(messages) / seconds


async def _deadlocks(connection: asyncpg.Connection) -> int:
    """How many there were in this database; nobody else uses it any more.

    A worker commits again after one, and says nothing. What a session has seen is counted for
    certain once it is gone.
    """

    async def is_alone() -> bool:
        return not await connection.fetchval(OTHERS)

    await until.true(is_alone)
    return int(await connection.fetchval(DEADLOCKS))


async def _on_cores(ours: Callable[[int], Awaitable[float]], number: int) -> float:
    """The same with as many cores as workers, for everything."""
    with core.only(number):
        return await ours(number)


async def _check(connection: asyncpg.Connection, expected: int, dead: int) -> None:
    counted = dict(await connection.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
    tallies = dict(await connection.fetch("SELECT vote, voters FROM tallies"))
    if counted != tallies or sum(counted.values()) != expected or dead:
        raise RuntimeError(f"{expected} voters, {dead} dead, but {counted} and tallies {tallies}")
