"""The seed job against the real services: exact when it says so, and status 1 when it is not."""

import re
import signal

import asyncpg
import pytest
import redis.asyncio

from common import ballot, keys, server
from tests import service, store, until

PATIENCE = 60.0  # seconds; the machine may be busy


async def voters(stores: store.Stores) -> dict[str, int]:
    """The stored voters of each option."""
    db = await asyncpg.connect(stores.database_url)
    try:
        return dict(await db.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
    finally:
        await db.close()


async def has_voters(stores: store.Stores, **options: int) -> bool:
    return await voters(stores) == options


async def another_votes(stores: store.Stores, option: str) -> None:
    """Somebody who is no voter of the seed's."""
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await client.rpush(keys.VOTES, ballot.encode(ballot.Ballot("another", option, 1)))


async def counted(vote: service.Service, what: str) -> int:
    """The ballots that this vote service has `accepted` or `refused`."""
    text = await vote.text("/metrics")
    counts = re.findall(rf"^vote_ballots_{what}_total\S* (\S+)$", text, re.MULTILINE)
    return sum(int(float(count)) for count in counts)


async def until_accepted(seed: service.Service, vote: service.Service, least: int = 1) -> None:
    """Wait until some of the votes were accepted, and see that not all were."""

    async def are_accepted() -> bool:
        assert seed.status is None, seed.log
        return await counted(vote, "accepted") >= least

    await until.true(are_accepted, PATIENCE, lambda: seed.log)


@pytest.fixture
async def vote(services: service.Services, stores: store.Stores) -> service.Service:
    return await services.ready("vote", **stores.environment)


@pytest.fixture
async def result(services: service.Services, stores: store.Stores) -> service.Service:
    await services.ready("worker", **stores.environment)
    return await services.ready("result", **stores.environment)


async def test_it_casts_and_verifies(
    services: service.Services,
    stores: store.Stores,
    vote: service.Service,
    result: service.Service,
) -> None:
    for number in (1, 2):
        seed = services.start("seed", "--votes", "300", "--verify", result.url, VOTE_URL=vote.url)
        assert await seed.ended(PATIENCE) == 0, seed.log
        assert "sent 300, acknowledged 300, failed 0, " in seed.log
        assert seed.log.endswith(f"verified: {result.url} grew by exactly a 200, b 100\n")
        assert await voters(stores) == {"a": 200 * number, "b": 100 * number}


async def test_a_lost_acknowledgement_counts_once(
    services: service.Services,
    stores: store.Stores,
    vote: service.Service,
    result: service.Service,
) -> None:
    seed = services.start(
        "seed",
        "--votes=600",
        "--rate=200",
        "--split=1:1",
        f"--url={vote.url}",
        f"--verify={result.url}",
    )
    await until_accepted(seed, vote)
    await stores.redis.pause()  # the votes of the moment are sent to it and not answered,

    async def some_refused() -> bool:
        return await counted(vote, "refused") > 0

    await until.true(some_refused, PATIENCE, lambda: seed.log)
    await vote.kill()
    await stores.redis.resume()  # and stored now, when nobody can tell the voters any more
    await services.ready("vote", PORT=str(vote.port), **stores.environment)
    assert await seed.ended(PATIENCE) == 0, seed.log
    assert "acknowledged 600, failed 0, " in seed.log
    assert await voters(stores) == {"a": 300, "b": 300}


async def test_numbers_that_do_not_grow_are_wrong(
    services: service.Services, stores: store.Stores, vote: service.Service, result: service.Service
) -> None:
    worker = next(each for name, each in services.keeper.children.items() if "worker" in name)
    worker.stop()
    seed = services.start(
        "seed", "--votes=9", f"--url={vote.url}", f"--verify={result.url}", "--timeout=1.5"
    )
    assert await seed.ended(PATIENCE) == 1
    assert seed.log.endswith(
        f"seed: {result.url} grew by a 0, b 0 within 1.5 seconds,"
        " and a 6, b 3 were cast: too little\n"
    )


async def test_numbers_that_grow_by_more_are_wrong(
    services: service.Services, stores: store.Stores, vote: service.Service, result: service.Service
) -> None:
    seed = services.start(
        "seed", "--votes=20", "--rate=20", f"--url={vote.url}", f"--verify={result.url}"
    )
    await until_accepted(seed, vote)
    await another_votes(stores, "b")
    assert await seed.ended(PATIENCE) == 1
    assert re.search(r"grew by a \d+, b \d+, and a 13, b 7 were cast: too much\n$", seed.log)


async def test_an_option_that_the_poll_gets_meanwhile(
    services: service.Services, stores: store.Stores, vote: service.Service, result: service.Service
) -> None:
    seed = services.start(
        "seed", "--votes=30", "--rate=10", f"--url={vote.url}", f"--verify={result.url}"
    )
    await until_accepted(seed, vote)
    await result.terminate()
    await another_votes(stores, "c")  # of a poll before
    another = {"PORT": str(result.port), "OPTION_C": "Birds"}
    await services.ready("result", **another, **stores.environment)
    assert await seed.ended(PATIENCE) == 0, seed.log
    assert seed.log.endswith(f"verified: {result.url} grew by exactly a 20, b 10\n")


async def test_an_option_that_the_poll_loses_meanwhile(
    services: service.Services, stores: store.Stores, vote: service.Service
) -> None:
    await services.ready("worker", **stores.environment)
    three = await services.ready("result", OPTION_C="Birds", **stores.environment)
    await another_votes(stores, "c")
    await until.true(lambda: has_voters(stores, c=1))
    seed = services.start(
        "seed", "--votes=30", "--rate=10", f"--url={vote.url}", f"--verify={three.url}"
    )
    await until_accepted(seed, vote)
    await three.terminate()
    await services.ready("result", PORT=str(three.port), **stores.environment)
    assert await seed.ended(PATIENCE) == 0, seed.log
    assert seed.log.endswith(f"verified: {three.url} grew by exactly a 20, b 10\n")


async def test_an_option_that_the_poll_does_not_have(
    services: service.Services, stores: store.Stores, vote: service.Service, result: service.Service
) -> None:
    arguments = ("--votes=3", "--split=1:1:1", f"--url={vote.url}")
    seed = services.start("seed", *arguments, f"--verify={result.url}")
    assert await seed.ended(PATIENCE) == 1
    assert seed.log.endswith("seed: the poll has no option c, it has a, b: change --split\n")
    assert await counted(vote, "accepted") == 0

    seed = services.start("seed", *arguments)
    assert await seed.ended(PATIENCE) == 1
    assert "sent 3, acknowledged 2, failed 1, " in seed.log
    assert seed.log.endswith(
        "  1 failed: the vote c was answered with status 422:"
        " Not taken: this is not an option of the poll. Choose one of these.\n"
    )


async def test_a_poll_that_is_closed(services: service.Services, stores: store.Stores) -> None:
    closed = {"POLL_CLOSES_AT": "2026-01-01T00:00:00Z", "OPTION_A": "Tom & Co"}
    vote = await services.ready("vote", **closed, **stores.environment)
    seed = services.start("seed", "--votes=1", f"--url={vote.url}")
    assert await seed.ended(PATIENCE) == 1
    assert seed.log.endswith(
        "  1 failed: the vote a was answered with status 403:"
        " Voting has closed. Your vote for Tom & Co came too late.\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_with_the_count(
    services: service.Services, vote: service.Service, number: signal.Signals
) -> None:
    seed = services.start("seed", "--votes=100000", "--rate=100", f"--url={vote.url}")
    await until_accepted(seed, vote)
    seed.signal(number)
    assert await seed.ended() == 1
    told = re.search(r"^sent (\d+), acknowledged (\d+), failed (\d+), ", seed.log, re.MULTILINE)
    assert told, seed.log
    sent, taken, failed = map(int, told.groups())
    assert 0 < taken <= await counted(vote, "accepted") <= sent
    assert taken + failed == 100_000
    assert "Traceback" not in seed.log


async def test_vote_is_not_there(services: service.Services) -> None:
    url = f"http://127.0.0.1:{service.free_port()}"
    seed = services.start("seed", "--timeout=0.5", f"--url={url}")
    assert await seed.ended(PATIENCE) == 1
    first, last = seed.log.splitlines()
    assert first == f"waiting for {url}"
    assert last.startswith(f"seed: {url} was not ready in 0.5 seconds (")
    assert "refused" in last.lower()


async def test_vote_listens_and_never_answers(services: service.Services) -> None:
    with server.bind("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        seed = services.start("seed", "--timeout=0.5", f"--url={url}")
        assert await seed.ended(PATIENCE) == 1
    told = f"seed: {url} was not ready in 0.5 seconds (no answer in 0.5 seconds)"
    assert seed.log.splitlines()[-1] == told


async def test_it_waits_for_vote(
    services: service.Services, stores: store.Stores, vote: service.Service
) -> None:
    await stores.redis.stop()

    async def is_away() -> bool:
        return await vote.get("/readyz") == 503

    await until.true(is_away, PATIENCE)
    seed = services.start("seed", "--votes=3", f"--url={vote.url}")
    await until.true(lambda: "waiting" in seed.log, PATIENCE)
    await stores.redis.start()
    assert await seed.ended(PATIENCE) == 0, seed.log


async def test_it_waits_for_result(
    services: service.Services, stores: store.Stores, vote: service.Service
) -> None:
    port = service.free_port()
    url = f"http://127.0.0.1:{port}"
    seed = services.start("seed", "--votes=3", f"--url={vote.url}", f"--verify={url}")
    await until.true(lambda: f"waiting for {url}" in seed.log, PATIENCE, lambda: seed.log)
    assert await counted(vote, "accepted") == 0
    await services.ready("worker", **stores.environment)
    await services.ready("result", PORT=str(port), **stores.environment)
    assert await seed.ended(PATIENCE) == 0, seed.log
    assert seed.log.endswith(f"verified: {url} grew by exactly a 2, b 1\n")
