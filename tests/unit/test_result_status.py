"""When readers without JavaScript see a general notice."""

import datetime
from typing import Any

import pytest
import redis.asyncio

from common.dependency import Dependency
from common.poll import Poll
from common.replica import Heartbeat, Identity
from result.audience import Audience
from result.heartbeats import Heartbeats
from result.metrics import Metrics
from result.pipeline import Pipeline, Session, Snapshot
from result.settings import Settings
from result.status import Status
from result.tallies import Tallies

PAST = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ALIVE, DEAD = (Session(f"{n}-1", n, n == "alive", "idle", None) for n in ("alive", "dead"))


def status(
    closes_at: datetime.datetime | None = None, *, vote_page: bool | None = True, **queue: Any
) -> Status:
    poll = Poll("?", {"a": "Cats", "b": "Dogs"}, closes_at)
    tallies = Tallies(Settings(), poll, Dependency("postgres", ""), Metrics(), Audience())
    client = redis.asyncio.Redis()
    heartbeats = Heartbeats(client, Identity("result", "r1", "1"))
    pipeline = Pipeline(client, Dependency("redis", ""), poll, heartbeats, Audience())
    tallies.postgres.mark_available()
    pipeline.redis.mark_available()
    usual: dict[str, Any] = {"waiting": 0, "sessions": [ALIVE]}
    pipeline.latest = Snapshot(claimed=0, dead=0, **usual | queue)
    if vote_page is not None:
        pipeline.replicas.note([Heartbeat(service="vote", name="v1")], is_certain=True)
    if vote_page is False:
        pipeline.replicas.known.clear()
    return Status(poll, tallies, pipeline)


@pytest.mark.parametrize(
    ("queue", "is_degraded"),
    [
        ({}, False),
        ({"sessions": [ALIVE, DEAD]}, False),
        ({"sessions": [DEAD]}, True),
        ({"sessions": []}, False),
        ({"sessions": [], "waiting": 1}, True),
        ({"sessions": None}, False),
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
