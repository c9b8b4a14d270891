"""Each part is killed while the seed job votes: every acknowledged vote is stored once."""

import asyncio

import pytest

from tests import until
from tests.e2e.compose.project import Project, docker

pytestmark = pytest.mark.timeout(300)
VOTES = 2_000
RATE = 400  # votes per second
HEALTHY_WITHIN = 60.0  # seconds


@pytest.mark.parametrize("victim", ["worker", "vote", "redis", "db"])
async def test_a_kill_loses_no_vote(system: Project, victim: str) -> None:
    before = system.stored()
    options = ("--votes", str(VOTES), "--rate", str(RATE))
    with system.background("run", "--rm", "--no-deps", "seed", *options) as seed:
        await until.true(lambda: system.shown() > before + VOTES / 10, 60)
        if victim == "redis":  # only a paused worker leaves votes in the queue
            docker("pause", system.container("worker"))
            await until.true(lambda: int(system.redis("LLEN", "votes")) > VOTES / 20, 30)
        docker("kill", system.container(victim))
        assert seed.poll() is None, "the seed job ended before the kill"
        docker("start", system.container(victim))
        if victim == "redis":
            docker("unpause", system.container("worker"))
        output, _ = await asyncio.to_thread(seed.communicate, timeout=120)
    assert seed.returncode == 0, output
    assert system.stored() == before + VOTES == system.shown()
    assert system.redis("LLEN", "{votes}:dead") == "0"
    await until.true(system.is_healthy, HEALTHY_WITHIN)


async def test_a_restarted_redis_has_no_stored_votes_again(system: Project) -> None:
    """Redis replays its file with the rights of the default user, also the worker's scripts."""
    system.compose("run", "--rm", "--no-deps", "seed", "--votes", "200")
    docker("pause", system.container("worker"))
    try:
        docker("restart", system.container("redis"))
        await until.true(lambda: system.redis("PING") == "PONG", 30)
        assert system.redis("LLEN", "votes") == "0"
        assert system.redis("KEYS", "{votes}:claimed:*") == ""
    finally:
        docker("unpause", system.container("worker"))
    await until.true(system.is_healthy, HEALTHY_WITHIN)


async def test_a_crashed_service_is_restarted(system: Project) -> None:
    """Unlike `docker kill`, after which the engine leaves the container stopped."""
    restarts = system.inspect("vote")["RestartCount"]
    system.execute("vote", "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)", status=None)
    await until.true(lambda: system.inspect("vote")["RestartCount"] == restarts + 1)
    await until.true(system.is_healthy, HEALTHY_WITHIN)
