"""Pods deleted under load, one after the other: what was acknowledged is what is stored."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.cluster import release
from tests.process import voters

pytestmark = pytest.mark.asyncio(loop_scope="package")

VOTES = 50  # acknowledged before and after each fault
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
