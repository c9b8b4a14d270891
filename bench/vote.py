"""Votes per second, next to a bare ASGI app under the same server."""

import re
import statistics

import aiohttp
import redis.asyncio

from bench import wrk
from bench.row import Row
from bench.system import System
from bench.wrk import Load, Request
from common.queue.keys import VOTES

PROCESSES = 2
CONNECTIONS = 64  # of all processes together
REVISION = re.compile('data-poll="([^"]+)"')
COOKIE = "voter_id"


async def measure(system: System) -> list[Row]:
    """Measure votes by the form, without a cookie, and by the page's script, with one."""
    votes = [(await system.ready("vote", core)).url for core in range(PROCESSES)]
    bare_apps = [system.start("bench.bare_app", core) for core in range(PROCESSES)]
    for app in bare_apps:
        await app.answers()
    limits = [app.url for app in bare_apps]
    rows = []
    for name, request, goal in await _requests(votes[0]):
        loads: dict[str, list[Load]] = {"ours": [], "limit": []}
        for _ in range(system.size(5, 1)):  # alternating, so that disturbances hit both
            loads["limit"].append(await _load(system, limits, request))
            loads["ours"].append(await _load_votes(system, votes, request))
        rates = {key: statistics.median(load.rate for load in each) for key, each in loads.items()}
        p99s = {key: statistics.median(load.p99 for load in each) for key, each in loads.items()}
        bare = "bare ASGI app"
        rows += [
            Row(f"{name}: rate", "/s", **rates, limit_name=bare, min_ratio=goal),
            Row(f"{name}: p99", "ms", **p99s, limit_name=bare),
        ]
    return [*rows, await _measure_replicated(system, votes)]


async def _measure_replicated(system: System, votes: list[str]) -> Row:
    """Measure form posts that wait for a replica of Redis, next to those that do not."""
    with system.replica_of_redis():
        waiting = [
            (await system.ready("vote", core, REDIS_REPLICAS="1")).url for core in range(PROCESSES)
        ]
        _, request, _ = (await _requests(votes[0]))[0]
        rates: dict[str, list[float]] = {"ours": [], "limit": []}
        for _ in range(system.size(5, 1)):
            for name, urls in (("limit", votes), ("ours", waiting)):
                rates[name].append((await _load_votes(system, urls, request)).rate)
    medians = {name: statistics.median(each) for name, each in rates.items()}
    name = "form posts that wait for a replica: rate"
    return Row(name, "/s", **medians, limit_name="without waiting", min_ratio=0.5)


async def _requests(url: str) -> list[tuple[str, Request, float]]:
    """The kinds of votes, and the share of the bare app's rate that is their goal."""
    cookies = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        for _ in range(CONNECTIONS):
            async with client.get(url) as answer:
                page = await answer.text()
                cookies.append(f"{COOKIE}={answer.cookies[COOKIE].coded_value}")
    revision = REVISION.search(page)
    if revision is None:
        raise RuntimeError(f"{url} is not a vote page: it has no data-poll")
    form = f"poll={revision[1]}&vote=a"
    return [
        ("form posts", Request("text/html", form), 0.25),
        ("script posts", Request("application/json", form, cookies), 0.20),
    ]


async def _load(system: System, urls: list[str], request: Request) -> Load:
    return await wrk.run(urls, request, CONNECTIONS, system.size(3, 1))


async def _load_votes(system: System, urls: list[str], request: Request) -> Load:
    """As `_load`, and check that Redis has every vote that was acknowledged."""
    async with redis.asyncio.Redis.from_url(system.redis_url) as client:
        load = await _load(system, urls, request)
        stored = await client.llen(VOTES)
        if stored < load.answers:
            raise RuntimeError(f"{load.answers} votes were acknowledged, Redis has {stored}")
        await client.delete(VOTES)
    return load
