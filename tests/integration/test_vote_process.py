"""Vote as a process: replicas, its end, and starting before Redis."""

import asyncio
import time

import redis.asyncio

from tests import service, store, until
from tests.integration import visitor
from vote.voter_id import VOTER_COOKIE

Client = redis.asyncio.Redis
STOP_WITHIN = 10.0  # seconds


async def test_replicas_recognize_the_same_voters(
    stores: store.Stores, services: service.Services, client: Client
) -> None:
    first, second = await asyncio.gather(
        *(services.ready("vote", **stores.environment) for _ in range(2))
    )
    async with visitor.opened(first.url) as guest, visitor.opened(second.url) as same:
        await guest.vote("a")
        same.set_cookies(**guest.cookies)
        await same.vote("b")
    assert len({ballot["voter_id"] for ballot in await visitor.ballots(client)}) == 1
    assert len(await visitor.ballots(client)) == 2


async def test_sigterm_lets_requests_in_progress_finish(
    stores: store.Stores, services: service.Services, client: Client
) -> None:
    vote = await services.ready("vote", **stores.environment)
    async with visitor.opened(vote.url) as guest:
        await guest.vote("a")
        await stores.redis.pause()
        voting = asyncio.create_task(guest.vote("b"))
        await asyncio.sleep(0.2)  # it is on its way
        ending = asyncio.create_task(vote.terminate())
        await until.true(lambda: _refuses_connections(vote))
        await stores.redis.resume()
        assert (await voting).status == 303
        assert await ending == 0
    assert [ballot["vote"] for ballot in await visitor.ballots(client)] == ["a", "b"]
    assert "Traceback" not in vote.log


async def test_sigterm_ends_it_in_time_while_redis_hangs(
    stores: store.Stores, services: service.Services
) -> None:
    vote = await services.ready("vote", **stores.environment)
    await stores.redis.pause()
    async with visitor.opened(vote.url) as guest:
        voting = asyncio.create_task(guest.vote("a"))
        await asyncio.sleep(0.2)  # it is on its way
        started = time.monotonic()
        assert await vote.terminate() == 0
        assert time.monotonic() - started < STOP_WITHIN
        assert (await voting).status == 503


async def test_it_starts_before_redis(stores: store.Stores, services: service.Services) -> None:
    await stores.redis.stop()
    vote = services.start("vote", **stores.environment)

    async def is_live() -> bool:
        return await vote.get("/healthz") == 200

    await until.true(is_live, 20, lambda: vote.log)
    assert await vote.get("/readyz") == 503
    async with visitor.opened(vote.url) as guest:
        page = await guest.get()
        answer = await guest.call("a")
        assert (answer.status, answer.json["reason"]) == (503, "not_taken")
        assert (page.status, guest.cookies) == (200, {})  # no secret is known that could sign
        await stores.redis.start()
        await vote.ready()
        assert (await guest.vote("a")).status == 303
        assert VOTER_COOKIE in guest.cookies


async def _refuses_connections(vote: service.Service) -> bool:
    return await vote.get("/healthz") == 0


async def test_a_short_secret_is_refused_and_not_shown(services: service.Services) -> None:
    vote = services.start("vote", COOKIE_SECRET="tooshort")
    assert await vote.ended() == 2
    assert "COOKIE_SECRET" in vote.log
    assert "tooshort" not in vote.log
