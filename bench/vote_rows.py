"""Form posts a second, beside a bare ASGI app under the same server."""

import asyncio
import functools
import statistics
import typing
from collections.abc import Sequence

import redis.asyncio

from bench import bare, core, rig, row, wrk
from common import keys
from tests import service, until

PROCESSES = 2
CONNECTIONS = 64  # of all processes together
CROWD = 512
LOADS = (  # the row, its connections, whether each vote has one of its own, the goal
    ("vote: form posts", CONNECTIONS, False, 0.6),
    (f"vote: form posts, {CROWD} connections", CROWD, False, 0.6),
    ("vote: form posts, Connection: close", CONNECTIONS, True, 0.7),
)
CORES = f"vote on {{0,1}}, wrk and Valkey on {core.ANY}"


class Figures(typing.NamedTuple):
    """Answers a second, and ms."""

    rate: float
    p99: float


async def rows(running: rig.Rig) -> list[row.Row]:
    async with running.system() as system:
        ours = [await system.start("vote", on=number) for number in range(PROCESSES)]
        ports = [service.free_port() for _ in range(PROCESSES)]
        for number, port in enumerate(ports):
            process = system.services.start("bench.bare", str(port))
            await until.true(functools.partial(bare.answers, port))
            if core.can_pin():
                core.pin(process.pid, number)
        bares = [f"http://127.0.0.1:{port}/" for port in ports]
        votes = [f"{each.url}/" for each in ours]
        measured: list[row.Row] = []
        for name, connections, close, share in LOADS:
            bare_figures, vote_figures = await _compare(running, bares, votes, connections, close)
            measured.append(
                row.at_least(
                    share,
                    row=f"{name}, rate",
                    cores=CORES,
                    unit="/s",
                    ours=vote_figures.rate,
                    limit=bare_figures.rate,
                    beside="bare ASGI",
                )
            )
            if connections == CONNECTIONS and not close:
                measured.append(
                    row.at_most(
                        3,
                        row=f"{name}, p99",
                        cores=CORES,
                        unit="ms",
                        ours=vote_figures.p99,
                        limit=bare_figures.p99,
                        beside="bare ASGI",
                    )
                )
        async with redis.asyncio.Redis.from_url(system.redis_url) as client:
            await client.delete(keys.VOTES)
        return measured


async def _compare(
    running: rig.Rig, bares: Sequence[str], votes: Sequence[str], connections: int, close: bool
) -> tuple[Figures, Figures]:
    """By turns, so that what else the machine does hits both; the medians."""
    taken: dict[bool, list[Figures]] = {False: [], True: []}
    for _ in range(running.size(5, 1)):
        for is_vote, urls in ((False, bares), (True, votes)):
            taken[is_vote].append(await _load(urls, running.size(3, 1), connections, close))
    bare_figures, vote_figures = (
        Figures(
            statistics.median(each.rate for each in several),
            statistics.median(each.p99 for each in several),
        )
        for several in taken.values()
    )
    return bare_figures, vote_figures


async def _load(urls: Sequence[str], seconds: int, connections: int, close: bool) -> Figures:
    """One wrk for each process, all at once."""
    each = connections // len(urls)
    loads = await asyncio.gather(
        *(wrk.run(url, connections=each, seconds=seconds, close=close) for url in urls)
    )
    if errors := sum(load.errors for load in loads):
        raise RuntimeError(f"{errors} votes were not answered as they should")
    return Figures(sum(load.rate for load in loads), max(load.p99 for load in loads))
