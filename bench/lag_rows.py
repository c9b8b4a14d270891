"""From a vote to its commit, and to another browser."""

import asyncio
import contextlib
import functools
import time
import uuid
from collections.abc import AsyncIterator

import asyncpg
import redis.asyncio

from bench import browser, core, request, rig, row, wrk
from common import ballot
from tests import service
from worker import store

PAUSE = 0.02  # seconds between two votes of an idle system
CONNECTIONS = 64
REQUEST = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 6\r\n\r\nvote=%b"
)
DELAY = 30  # ms that each waits between its answer and its next vote: some 2,000 votes/s of all


async def rows(running: rig.Rig) -> list[row.Row]:
    async with running.system() as system:
        await system.start("worker", OPTION_C="Probe")
        vote = await system.start("vote", OPTION_C="Probe")
        result = await system.start("result", OPTION_C="Probe")
        limit = await _round_trip_and_commit(running, system)
        idle = await _to_commit(running, system, vote)
        load, lags = await _under_load(running, vote, result)
    return [
        row.at_most(
            2,
            row="vote to commit, idle, p50",
            cores=core.ANY,
            unit="ms",
            ours=row.percentile(idle, 50),
            limit=limit,
            beside="RPUSH + commit",
        ),
        row.below(
            150,
            row=f"vote to another browser, under {load.rate:,.0f} votes/s, p99",
            cores=core.ANY,
            unit="ms",
            ours=row.percentile(lags, 99),
        ),
        row.below(
            150,
            row=f"vote to another browser, under {load.rate:,.0f} votes/s, p50",
            cores=core.ANY,
            unit="ms",
            ours=row.percentile(lags, 50),
        ),
    ]


async def _round_trip_and_commit(running: rig.Rig, system: rig.System) -> float:
    """The sum of the medians of the two things that cannot be left out (ms)."""
    pushes, commits = [], []
    connection = await asyncpg.connect(system.database_url)
    await connection.execute("CREATE TABLE scratch (LIKE votes INCLUDING ALL)")
    insert = await connection.prepare(store.UPSERT.replace("votes", "scratch"))
    async with redis.asyncio.Redis.from_url(system.redis_url) as client:
        for number in range(running.size(300, 20)):
            await asyncio.sleep(PAUSE)
            began = time.perf_counter()
            await client.rpush("scratch", b"x" * 90)
            pushed = time.perf_counter()
            await insert.fetch(*store.as_arrays([ballot.Ballot(str(number), "a", number)]))
            pushes.append((pushed - began) * 1000)
            commits.append((time.perf_counter() - pushed) * 1000)
    await connection.close()
    return row.percentile(pushes, 50) + row.percentile(commits, 50)


async def _to_commit(running: rig.Rig, system: rig.System, vote: service.Service) -> list[float]:
    """From just before the post to the notification of its commit (ms)."""
    committed: asyncio.Queue[float] = asyncio.Queue()
    listener = await asyncpg.connect(system.database_url)
    await listener.add_listener("tallies", lambda *_: committed.put_nowait(time.monotonic()))
    lags = []
    async with _voter(vote) as voter:
        for _ in range(running.size(300, 20)):
            await asyncio.sleep(PAUSE)
            began = time.monotonic()
            posting = asyncio.create_task(voter.post("a"))
            lags.append((await committed.get() - began) * 1000)
            await posting
    await listener.close()
    return lags


async def _under_load(
    running: rig.Rig, vote: service.Service, result: service.Service
) -> tuple[wrk.Load, list[float]]:
    """Probes, for an option that the load does not vote for, until a browser hears of each (ms)."""
    seconds = running.size(20, 3)
    [seen] = await request.visits(vote.url, 1)
    loading = asyncio.create_task(
        wrk.run(
            vote.url,
            request.by_form(seen, "a"),
            connections=CONNECTIONS,
            seconds=seconds,
            delay_ms=DELAY,
        )
    )
    lags: list[float] = []
    async with browser.opened(result.url) as opened, _voter(vote) as voter:
        await asyncio.sleep(1)
        until = time.monotonic() + seconds - 1.5
        while time.monotonic() < until:
            expected = len(lags) + 1
            began = time.monotonic()
            posting = asyncio.create_task(voter.post("c"))
            heard = await opened.hears(functools.partial(_has_probes, expected))
            lags.append((heard - began) * 1000)
            await posting
            # At any phase of the updates.
            await asyncio.sleep(uuid.uuid4().int % 50 / 1000)
    load = await loading
    if load.errors:
        raise RuntimeError(f"{load.errors} votes were not answered as they should")
    return load, lags


class Voter:
    """A connection on which each vote is a new voter's, by a request that is made already."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def post(self, option: str) -> None:
        """Votes. Raises RuntimeError when that is not answered as it should be."""
        self._writer.write(REQUEST % option.encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 303 "):
            raise RuntimeError(f"a vote was answered {answer.decode()}")


@contextlib.asynccontextmanager
async def _voter(vote: service.Service) -> AsyncIterator[Voter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", vote.port)
    try:
        yield Voter(reader, writer)
    finally:
        writer.close()
        await writer.wait_closed()


def _has_probes(count: int, scores: dict[str, int]) -> bool:
    return scores["c"] >= count
