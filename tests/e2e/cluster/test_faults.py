"""Pods deleted under load, one after the other: what was acknowledged is what is stored."""

import asyncio
import time
from collections.abc import Callable

import pytest

from tests import until
from tests.e2e.cluster import release, space
from tests.process import voters

pytestmark = pytest.mark.asyncio(loop_scope="package")

VOTES = 50  # acknowledged before and after each fault
HEALED = 300  # seconds: three failed probes, a secret that the node reads anew, and that again
RESTARTED = ["result", "vote", "vote", "worker"]  # containers
UNNOTICED = {"worker", "result", "db"}  # a voter does not wait for these


async def test_pods_are_deleted_under_load(
    installed: release.Release, measured: Callable[[str], None]
) -> None:
    own = installed.space
    people = voters.Voters(await own.url("vote"), concurrency=4, pause=0.01, close=True)
    async with people.voting():
        for name in ("worker", "vote", "result", "redis", "db"):
            await people.more(VOTES)
            began, refused = time.monotonic(), people.refused
            people.reasons.clear()
            (pod, *_) = await own.pods(name)
            # With a second to leave, which for vote is less than it takes: like a node that fails.
            await own.kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period=1")
            await own.ready(release.PODS)
            await people.well(VOTES)
            refused = people.refused - refused
            measured(
                f"{name} deleted: ready again after {time.monotonic() - began:.0f} s, "
                f"{refused} votes refused, {len(people.acknowledged)} acknowledged so far"
            )
            present = [each["metadata"]["uid"] for each in await own.pods(name)]
            assert pod["metadata"]["uid"] not in present
            if name in UNNOTICED:
                assert refused == 0, (name, people.reasons)
            elif name == "redis":
                # The page says so itself: it stays in its service while Redis is away.
                assert all(each.startswith("503 ") for each in people.reasons), people.reasons
    async with own.database() as url:
        await people.check_stored(url)
    assert await own.restarts() == {}


async def test_services_learn_a_changed_password_by_themselves(
    measured: Callable[[str], None],
) -> None:
    """Nobody restarts them: the liveness probe does, since Redis refuses the old one."""
    async with release.installed() as fresh:
        own = fresh.space
        people = voters.Voters(await own.url("vote"), concurrency=2, pause=0.05, close=True)

        async def all_restarted() -> bool:
            await asyncio.sleep(space.LOOK)
            return sorted(name.split("/")[1] for name in await own.restarts()) == RESTARTED

        async with people.voting():
            await people.more(VOTES)
            other = '{"stringData": {"password": "another one"}}'
            await own.kubectl("patch", "secret", own.own("redis-secret"), f"--patch={other}")
            await fresh.upgrade()  # the chart keeps it, and gives it to the services' secrets
            assert await own.secret("redis-secret", "password") == "another one"
            began = time.monotonic()
            (pod, *_) = await own.pods("redis")
            await own.kubectl("delete", "pod", pod["metadata"]["name"])
            # Each by its own probe, at its own time.
            await until.true(all_restarted, HEALED, "vote, worker and result are restarted")
            await people.well(VOTES)
            await own.ready(release.PODS)
            measured(f"another password: all is well after {time.monotonic() - began:.0f} s")
        async with own.database() as url:
            await people.check_stored(url)
