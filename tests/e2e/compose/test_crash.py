"""Under a running seed, each part in turn is killed: what was acknowledged is stored, once."""

import asyncio
import contextlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests import until
from tests.e2e.compose import project

VOTES = 2_000
RATE = 400  # votes a second
AWAY = 1.0  # seconds that the part stays away
BACK_WITHIN = 60.0  # seconds


@contextlib.contextmanager
def queue_filled(system: project.Project) -> Iterator[None]:
    """In this block votes lie in Redis, which is empty at almost any other moment."""
    project.docker("pause", system.container("worker"))
    try:
        deadline = time.monotonic() + 30
        while int(system.redis("LLEN", "votes")) < VOTES / 20:
            assert time.monotonic() < deadline, "no votes come in"
        yield
    finally:
        project.docker("unpause", system.container("worker"))


async def ended(process: "subprocess.Popen[str]") -> str:
    """What a command said, once it has ended with status 0."""
    output, _ = await asyncio.to_thread(process.communicate, timeout=120)
    assert process.returncode == 0, output
    return output


@pytest.mark.parametrize("victim", ["worker", "vote", "redis", "db"])
async def test_a_kill_loses_no_vote_and_counts_none_twice(
    system: project.Project, victim: str
) -> None:
    before = system.stored()
    seed = ("run", "--rm", "--no-deps", "seed", "--votes", str(VOTES), "--rate", str(RATE))
    with system.background(*seed) as seeding:
        await until.true(lambda: system.shown() > before + VOTES / 10, 60, "the seed is under way")
        with queue_filled(system) if victim == "redis" else contextlib.nullcontext():
            project.docker("kill", system.container(victim))
            assert seeding.poll() is None, "the seed was over before the kill"
            await asyncio.sleep(AWAY)
            project.docker("start", system.container(victim))
        told = await ended(seeding)
    assert f"sent {VOTES}, acknowledged {VOTES}, failed 0" in told, told
    assert "verified" in told, told
    assert system.stored() == before + VOTES == system.shown()
    assert system.redis("LLEN", "votes") == "0"
    assert system.redis("LLEN", "{votes}:dead") == "0"
    await until.true(lambda: system.healthy(*project.SERVICES), BACK_WITHIN)


async def test_redis_begins_with_what_it_had(system: project.Project) -> None:
    """All that was done is done again from its file: nothing that was stored waits once more."""
    assert "verified" in system.seed("--votes", "200")
    project.docker("pause", system.container("worker"))
    try:
        project.docker("restart", system.container("redis"))
        await until.true(lambda: system.healthy("redis"), BACK_WITHIN)
        assert system.redis("LLEN", "votes") == "0"
        assert system.redis("SCARD", "{votes}:workers") == "1"
    finally:
        project.docker("unpause", system.container("worker"))
    log = system.compose("logs", "--no-log-prefix", "redis").stdout
    assert "CRITICAL" not in log
    await until.true(lambda: system.healthy(*project.SERVICES), BACK_WITHIN)


@pytest.mark.parametrize("victim", ["worker", "vote", "result"])
async def test_a_crashed_program_comes_back_by_itself(system: project.Project, victim: str) -> None:
    """Unlike `docker kill`, which the engine takes for the wish that it be gone."""
    before = system.inspect(victim)["RestartCount"]
    crash = (
        "import os, pathlib, signal\n"
        "for each in pathlib.Path('/proc').glob('[0-9]*'):\n"
        f"    if b'-m\\0{victim}\\0' in (each / 'cmdline').read_bytes():\n"
        "        if each.name != '1':\n"
        "            os.kill(int(each.name), signal.SIGKILL)\n"
    )
    system.python(victim, crash, status=None)
    await until.true(lambda: system.inspect(victim)["RestartCount"] == before + 1, BACK_WITHIN)
    await until.true(lambda: system.healthy(victim), BACK_WITHIN)
    assert "verified" in system.seed("--votes", "50")
