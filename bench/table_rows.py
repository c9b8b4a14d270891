"""What depends on the size of the table, or had better not: the read of the tallies, and the way
from a commit to a browser."""

import asyncio
import functools
import time

import asyncpg

from bench import ballots, browser, core, rig, row
from common import ballot
from result import tally
from worker import store

READS = 3_000
PAUSE = 0.08  # seconds between two commits: more than the pause between two updates
TALLY = (tally.SQL, "SELECT 1")


async def rows(running: rig.Rig) -> list[row.Row]:
    measured: list[row.Row] = []
    for voters in (1_000, running.size(5_000_000, 20_000)):
        async with running.system() as system:
            connection = await asyncpg.connect(system.database_url)
            await ballots.fill(connection, voters)
            measured.append(await _read(connection, voters))
            result = await system.start("result")
            measured += await _commit_to_browser(running, system, connection, result.url, voters)
            await connection.close()
    return measured


async def _read(connection: asyncpg.Connection, voters: int) -> row.Row:
    medians = []
    for sql in TALLY:
        statement = await connection.prepare(sql)
        times = []
        for _ in range(READS):
            began = time.perf_counter()
            await statement.fetch()
            times.append((time.perf_counter() - began) * 1000)
        medians.append(row.percentile(times, 50))
    ours, limit = medians
    return row.below(
        0.2,
        row=f"tally read, p50, {voters:,} voters",
        cores=core.ANY,
        unit="ms",
        ours=ours,
        limit=limit,
        beside="SELECT 1",
    )


def _sums_up(total: int, scores: dict[str, int]) -> bool:
    return sum(scores.values()) == total


async def _commit_to_browser(
    running: rig.Rig, system: rig.System, connection: asyncpg.Connection, url: str, voters: int
) -> list[row.Row]:
    """From the commit of one ballot, without its wait for the disk, to the browser; and the same
    to a bare listener."""
    await connection.execute("SET synchronous_commit = off")
    upsert = await connection.prepare(store.UPSERT)
    notified: asyncio.Queue[float] = asyncio.Queue()
    listener = await asyncpg.connect(system.database_url)
    await listener.add_listener(tally.CHANNEL, lambda *_: notified.put_nowait(time.monotonic()))
    ours, limit = [], []
    async with browser.opened(url) as opened:
        await opened.hears(functools.partial(_sums_up, voters))
        for number in range(running.size(200, 20)):
            expected = voters + number + 1
            await asyncio.sleep(PAUSE)
            began = time.monotonic()
            cast = ballot.Ballot(f"browser {number}", "a", ballot.now())
            await upsert.fetch(*store.as_arrays([cast]))
            heard = await opened.hears(functools.partial(_sums_up, expected))
            ours.append((heard - began) * 1000)
            limit.append((await notified.get() - began) * 1000)
    await listener.close()
    return [
        row.below(
            most,
            row=f"commit to browser, p{share}, {voters:,} voters",
            cores=core.ANY,
            unit="ms",
            ours=row.percentile(ours, share),
            limit=row.percentile(limit, share),
            beside="bare listener",
        )
        for share, most in ((50, 3), (99, 50))
    ]
