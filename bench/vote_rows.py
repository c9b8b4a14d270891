"""Votes a second, by form and by script, beside a bare ASGI app under the same server."""

import asyncio
import functools
import statistics
import typing
from collections.abc import Awaitable, Callable, Sequence

import redis.asyncio

from bench import bare, core, request, rig, row, wrk
from common import keys
from tests import service, until

PROCESSES = 2
CONNECTIONS = 64  # of all processes together
CROWD = 512
FORM, SCRIPT = "vote: form posts", "vote: votes by the page's script"
LOADS = (  # the row, how they vote, connections, whether each vote has one of its own, the goal
    (FORM, FORM, CONNECTIONS, False, 0.6),
    (f"{FORM}, {CROWD} connections", FORM, CROWD, False, 0.6),
    (f"{FORM}, Connection: close", FORM, CONNECTIONS, True, 0.7),
    (SCRIPT, SCRIPT, CONNECTIONS, False, 0.6),
)
CORES = f"vote on {{0,1}}, wrk and Valkey on {core.ANY}"


class Figures(typing.NamedTuple):
    """Answers, answers a second, and ms."""

    answers: int
    rate: float
    p99: float


Load = Callable[[], Awaitable[Figures]]


async def rows(running: rig.Rig) -> list[row.Row]:
    async with running.system() as system:
        ours = [await system.start("vote", on=number) for number in range(PROCESSES)]
        ports = [service.free_port() for _ in range(PROCESSES)]
        for number, port in enumerate(ports):
            process = system.services.start("bench.bare", str(port))
            await until.true(functools.partial(bare.answers, port))
            if core.can_pin():
                core.pin(process.pid, number)
        bares = [f"http://127.0.0.1:{port}" for port in ports]
        votes = [each.url for each in ours]
        seen = await request.visits(votes[0], CONNECTIONS)
        ways = {FORM: request.by_form(seen[0], "a"), SCRIPT: request.by_script(seen, "a")}
        measured: list[row.Row] = []
        for name, way, connections, close, share in LOADS:
            load = functools.partial(
                _load,
                sent=ways[way],
                seconds=running.size(3, 1),
                connections=connections,
                close=close,
            )
            bare_figures, vote_figures = await _compare(
                running,
                functools.partial(load, bares),
                functools.partial(_counted, system, functools.partial(load, votes)),
            )
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
        return measured


async def _compare(running: rig.Rig, bare_load: Load, vote_load: Load) -> tuple[Figures, Figures]:
    """By turns, so that what else the machine does hits both; the medians."""
    taken: tuple[list[Figures], list[Figures]] = ([], [])
    for _ in range(running.size(5, 1)):
        for several, load in zip(taken, (bare_load, vote_load), strict=True):
            several.append(await load())
    return _median(taken[0]), _median(taken[1])


def _median(several: Sequence[Figures]) -> Figures:
    return Figures(*map(statistics.median, zip(*several, strict=True)))


async def _counted(system: rig.System, load: Load) -> Figures:
    """A load of votes, into an empty list: a worker would keep it short, and with it what Redis
    writes when it writes its file anew. Raises RuntimeError if one was answered that Redis has not.
    """
    async with redis.asyncio.Redis.from_url(system.redis_url) as client:
        figures = await load()
        check(figures.answers, await client.llen(keys.VOTES))
        await client.delete(keys.VOTES)
    return figures


def check(answered: int, stored: int) -> None:
    """Raises RuntimeError if votes are missing. There may be more: wrk hangs up before the last."""
    if stored < answered:
        raise RuntimeError(f"{answered} votes were answered, but Redis has {stored}")


async def _load(
    urls: Sequence[str], *, sent: request.Request, seconds: int, connections: int, close: bool
) -> Figures:
    """One wrk for each process, all at once."""
    each = connections // len(urls)
    loads = await asyncio.gather(
        *(wrk.run(url, sent, connections=each, seconds=seconds, close=close) for url in urls)
    )
    if errors := sum(load.errors for load in loads):
        raise RuntimeError(f"{errors} votes were not answered as they should")
    answers = sum(load.answers for load in loads)
    return Figures(answers, sum(load.rate for load in loads), max(load.p99 for load in loads))
