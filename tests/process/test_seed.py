"""The seed job as a process, against the real services."""

import re
import signal

import asyncpg
import pytest

from tests import until
from tests.service import Service, Services
from tests.store import Stores

PATIENCE = 40.0  # seconds


async def stored(stores: Stores) -> dict[str, int]:
    """Return the number of stored votes per option."""
    connection = await asyncpg.connect(stores.database_url)
    counts = dict(await connection.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
    await connection.close()
    return counts


async def has(vote: Service, outcome: str, least: int = 1) -> bool:
    """Return whether the vote service has `accepted` or `refused` as many ballots of an option."""
    counts = re.findall(rf"vote_ballots_{outcome}_total\S* (\d\S*)", await vote.text("/metrics"))
    return any(float(count) >= least for count in counts)


@pytest.fixture
async def vote(services: Services, stores: Stores) -> Service:
    return await services.ready("vote", **stores.environment)


@pytest.fixture
async def result(services: Services, stores: Stores) -> Service:
    await services.ready("worker", **stores.environment)
    return await services.ready("result", **stores.environment)


async def test_it_casts_and_verifies(
    services: Services, stores: Stores, vote: Service, result: Service
) -> None:
    options = ("--votes=300", "--exact", f"--url={vote.url}", f"--verify={result.url}")
    seed = services.start("seed", *options)
    assert await seed.ended(PATIENCE) == 0, seed.log
    assert "sent 300, acknowledged 300, failed 0, " in seed.log
    assert f"verified: {result.url} grew by exactly a 200, b 100\n" in seed.log
    assert await stored(stores) == {"a": 200, "b": 100}


@pytest.mark.extended
async def test_a_lost_acknowledgement_counts_once(
    services: Services, stores: Stores, vote: Service, result: Service
) -> None:
    seed = services.start(
        *("seed", "--votes=600", "--rate=200", "--split=1:1"),
        *(f"--url={vote.url}", f"--verify={result.url}", "--exact"),
    )
    await until.true(lambda: has(vote, "accepted"), PATIENCE)
    await stores.redis.pause()  # it receives the votes that are sent now and does not answer
    await until.true(lambda: has(vote, "refused"), PATIENCE)
    await vote.kill()
    await stores.redis.resume()  # it stores those votes now, and no voter hears of it
    await services.ready("vote", PORT=str(vote.port), **stores.environment)
    assert await seed.ended(PATIENCE) == 0, seed.log
    assert "acknowledged 600, failed 0, " in seed.log
    assert await stored(stores) == {"a": 300, "b": 300}


async def test_ctrl_c_ends_it_with_the_count(services: Services, vote: Service) -> None:
    seed = services.start("seed", "--votes=100000", "--rate=100", f"--url={vote.url}")
    await until.true(lambda: has(vote, "accepted", 20), PATIENCE)
    seed.signal(signal.SIGINT)
    assert await seed.ended() == 1
    count = re.search(r"^sent (\d+), acknowledged (\d+), failed (\d+), ", seed.log, re.MULTILINE)
    assert count, seed.log
    sent, acknowledged, failed = map(int, count.groups())
    assert 0 < acknowledged <= sent
    assert acknowledged + failed == 100_000
    assert "Traceback" not in seed.log
