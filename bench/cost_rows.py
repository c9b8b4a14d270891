"""What a vote costs of a core, in each process that it passes; the slopes for docs/scaling.md."""

import typing
from collections.abc import Iterator, Mapping

import asyncpg
import redis.asyncio

from bench import ballots, core, request, rig, row, wrk
from common import keys
from tests import service, until

CONNECTIONS = 64
EASE_MS = 20  # that each connection waits before its next vote: some 3,000 votes/s of all
DRAIN_TIMEOUT = 120.0  # seconds
POSTGRES, VALKEY = "postgres", "valkey-server"

Costs = Mapping[str, float]  # of a vote (s), in each process


class Cast(typing.NamedTuple):
    """What a vote costs at full speed and at ease, and how many come at ease in a second."""

    full: Costs
    at_ease: Costs
    rate_at_ease: float


async def rows(running: rig.Rig) -> list[row.Row]:
    async with running.system() as system:
        connection = await asyncpg.connect(system.database_url)
        await ballots.fill(connection, running.size(1_000_000, 1_000))
        vote = await system.start("vote")
        pages = await _show(running, vote)
        seen = await request.visits(vote.url, CONNECTIONS)
        by_script = await _both(running, vote, request.by_script(seen, "b"))
        async with redis.asyncio.Redis.from_url(system.redis_url) as client:
            # The worker is given what the form has cast: each is another voter's, as in a crowd.
            await client.delete(keys.VOTES)
            by_form = await _both(running, vote, request.by_form(seen[0], "b"))
            count = await client.llen(keys.VOTES)
            waiting = (await client.memory_usage(keys.VOTES, samples=0) or 0) / count
            committed = await _drain(system, client, count)
        await connection.execute("VACUUM votes")
        stored = await connection.fetchval(
            "SELECT pg_total_relation_size('votes')::float8 / count(*) FROM votes"
        )
        await connection.close()
    return [
        row.Row("CPU of a page: vote", core.ANY, pages * 1e6, "µs", "", None),
        *_told("", by_form),
        *_costs("CPU of a vote", committed),
        *_told(" by the script", by_script),
        row.Row("memory of a waiting vote, Valkey", core.ANY, waiting, "B", "", None),
        row.Row("disk of a stored vote, Postgres", core.ANY, stored, "B", "", None),
    ]


def _told(way: str, cast: Cast) -> Iterator[row.Row]:
    yield from _costs(f"CPU of a vote{way}", cast.full)
    yield from _costs(f"CPU of a vote{way}, at ease", cast.at_ease)
    yield row.Row(f"votes{way} at ease, rate", core.ANY, cast.rate_at_ease, "/s", "", None)


def _costs(what: str, costs: Costs) -> Iterator[row.Row]:
    for name, cost in costs.items():
        yield row.Row(f"{what}: {name}", core.ANY, cost * 1e6, "µs", "", None)


async def _show(running: rig.Rig, vote: service.Service) -> float:
    before = core.cpu(vote.pid)
    seconds = running.size(5, 1)
    load = await wrk.run(vote.url, request.PAGE, connections=CONNECTIONS, seconds=seconds)
    return (core.cpu(vote.pid) - before) / load.answers


async def _both(running: rig.Rig, vote: service.Service, sent: request.Request) -> Cast:
    rate, at_ease = await _cast(running, vote, sent, delay_ms=EASE_MS)
    _, full = await _cast(running, vote, sent)
    return Cast(full, at_ease, rate)


async def _cast(
    running: rig.Rig, vote: service.Service, sent: request.Request, *, delay_ms: int = 0
) -> tuple[float, Costs]:
    """Votes a second, and what one costs (s). The slower they come, the smaller are the pushes to
    Redis, and the more each vote costs.
    """
    processes = {"vote": [vote.pid], "Valkey, to take it": core.named(VALKEY)}
    before = _seconds(processes)
    load = await wrk.run(
        vote.url,
        sent,
        connections=CONNECTIONS,
        seconds=running.size(10, 2),
        delay_ms=delay_ms,
    )
    after = _seconds(processes)
    if load.errors:
        raise RuntimeError(f"{load.errors} votes were not answered as they should")
    return load.rate, {name: (after[name] - before[name]) / load.answers for name in before}


async def _drain(system: rig.System, client: redis.asyncio.Redis, count: int) -> Costs:
    # All of it waits elsewhere until the worker is at rest.
    await client.rename(keys.VOTES, ballots.PILE)
    worker = await system.start("worker")

    def seconds() -> dict[str, float]:
        return _seconds(
            {
                "worker": [worker.pid],
                "Valkey, to hand it over": core.named(VALKEY),
                "Postgres": core.named(POSTGRES),
            }
        )

    async def is_done() -> bool:
        return await ballots.left(client) == 0

    before = seconds()
    await ballots.release(client)
    await until.true(is_done, DRAIN_TIMEOUT)
    after = seconds()
    return {name: (after[name] - before[name]) / count for name in before}


def _seconds(processes: Mapping[str, list[int]]) -> dict[str, float]:
    """The CPU time that each group of processes has had."""
    return {name: sum(map(core.cpu, pids)) for name, pids in processes.items()}
