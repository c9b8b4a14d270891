"""The first steps of a user: start the system, vote, seed, scale, stop, and start it again."""

import json
import re
import time

import pytest

from tests import until
from tests.e2e.compose.project import RUNNING, Project, docker, request
from tests.e2e.compose.viewers import connected, sees

pytestmark = pytest.mark.timeout(300)
STOP_WITHIN = 15.0  # seconds


async def test_a_vote_reaches_an_open_result_page(system: Project) -> None:
    before = system.shown()
    origin = {"Origin": system.vote_url}
    async with connected(system.result_url) as viewer:
        assert request(system.vote_url, b"vote=a", **origin)[0] == 200  # after the redirect
        await sees(viewer, before + 1)
    assert system.stored() == before + 1 == system.shown()


def test_the_seed_job_verifies_its_votes(system: Project) -> None:
    before = system.stored()
    system.compose("--profile", "seed", "up", "--detach")
    assert docker("wait", system.container("seed")) == "0", system.logs("seed")
    assert system.stored() == before + 3000 == system.shown()


def test_the_presenter_has_a_token_and_faults_are_off(system: Project) -> None:
    assert request(f"{system.result_url}/system")[0] == 200
    token = system.execute("result", "cat", "/run/secrets/presenter_token")
    assert token
    body = json.dumps({"token": token}).encode()
    headers = {"Content-Type": "application/json"}
    assert request(f"{system.result_url}/system/login", body, **headers)[0] == 404
    faults = ("exec", "-T", "-e", "FAULTS=enabled", "result", "python", "-m", "common.faults")
    assert "worker" in system.compose(*faults, "set", "worker-pause")  # no worker reads it
    assert system.compose(*faults, "clear") == ""


async def test_replicas_share_the_work_behind_one_port(system: Project) -> None:
    before = system.stored()
    system.up("--scale", "vote=3", "--scale", "worker=2")
    try:
        served: set[str] = set()

        def is_served_by_all() -> bool:
            served.update(re.findall(r"Served by \W*\w+", request(system.vote_url)[1]))
            return len(served) == 3

        await until.true(is_served_by_all, 20, lambda: f"served by {served}")
        seed = ("run", "--rm", "--no-deps", "seed", "--votes", "300")
        system.compose(*seed, "--url", "http://nginx:8080", "--verify", "http://nginx:8081")
        assert system.stored() == before + 300
        assert len(system.redis("SMEMBERS", "{votes}:workers").split()) == 2
    finally:
        system.up()


async def test_down_needs_no_kill_and_keeps_the_votes(system: Project) -> None:
    before = system.stored()
    async with connected(system.result_url):
        began = time.monotonic()
        system.compose("stop")
        assert time.monotonic() - began < STOP_WITHIN
    statuses = {name: system.inspect(name)["State"]["ExitCode"] for name in RUNNING}
    assert statuses == dict.fromkeys(RUNNING, 0)
    system.compose("--profile", "seed", "down")
    system.up()
    assert system.stored() == before == system.shown()
