"""When readers without JavaScript see a general notice."""

import datetime
from typing import Any

import pytest
import redis.asyncio

from common.dependency import Dependency
from common.poll import Poll
from result.metrics import Metrics
from result.pipeline import Pipeline, Snapshot, Worker
from result.settings import Settings
from result.status import Status
from result.tallies import Tallies

PAST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ALIVE, DEAD = Worker("w1", True, "idle", None), Worker("w2", False, "idle", None)


def status(closes_at: datetime.datetime | None = None, **queue: Any) -> Status:
    poll = Poll("?", {"a": "Cats", "b": "Dogs"}, closes_at)
    tallies = Tallies(Settings(), poll, Dependency("postgres", ""), Metrics())
    pipeline = Pipeline(redis.asyncio.Redis(), Dependency("redis", ""), poll)
    tallies.postgres.mark_available()
    pipeline.redis.mark_available()
    usual: dict[str, Any] = {"waiting": 0, "workers": [ALIVE], "vote_page": True}
    pipeline.latest = Snapshot(claimed=0, dead=0, **usual | queue)
    return Status(poll, tallies, pipeline)


@pytest.mark.parametrize(
    ("queue", "is_degraded"),
    [
        ({}, False),
        ({"workers": [ALIVE, DEAD]}, False),
        ({"workers": [DEAD]}, True),
        ({"workers": []}, False),
        ({"workers": [], "waiting": 1}, True),
        ({"workers": None}, False),
        ({"vote_page": None}, False),
        ({"vote_page": False}, True),
        ({"vote_page": False, "closes_at": PAST}, False),
    ],
)
def test_degraded_by_the_pipeline(queue: dict[str, Any], is_degraded: bool) -> None:
    assert status(**queue).is_degraded is is_degraded


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_degraded_by_a_store(name: str) -> None:
    degraded = status()
    stores = {"postgres": degraded.tallies.postgres}
    if degraded.pipeline:
        stores["redis"] = degraded.pipeline.redis
    stores[name].mark_unavailable(OSError("down"))
    assert degraded.is_degraded
