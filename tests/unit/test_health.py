from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette

from common import health, metrics
from common.dependency import Dependency
from tests import asgi


@dataclass
class App:
    postgres: Dependency
    redis: Dependency
    app: Starlette

    async def ready(self) -> tuple[int, str, dict[str, Any]]:
        answer = await asgi.request(self.app, "/readyz")
        return answer.status, answer.json()["status"], answer.json()["dependencies"]


def make(*, ready_when_degraded: bool) -> App:
    postgres, redis = Dependency("postgres", "db"), Dependency("redis", "redis")
    routes = health.routes(
        [postgres], metrics.registry(), optional=[redis], ready_when_degraded=ready_when_degraded
    )
    return App(postgres, redis, Starlette(routes=routes))


async def test_healthz_looks_at_no_store() -> None:
    app = make(ready_when_degraded=False)
    app.postgres.mark_unavailable(OSError("gone"))
    assert (await asgi.request(app.app, "/healthz")).status == 200


@pytest.mark.parametrize("ready_when_degraded", [True, False])
async def test_readyz_waits_for_the_first_answer_of_needed_stores(
    ready_when_degraded: bool,
) -> None:
    app = make(ready_when_degraded=ready_when_degraded)
    app.redis.mark_available()
    assert (await app.ready())[:2] == (503, "starting")
    app.postgres.mark_unavailable(OSError("refused"))
    status, _, dependencies = await app.ready()
    assert status == 503
    assert dependencies["postgres"]["reason"] == "refused"
    app.postgres.mark_available()
    assert (await app.ready())[:2] == (200, "ok")


async def test_page_stays_ready_during_an_outage_and_names_it() -> None:
    app = make(ready_when_degraded=True)
    app.postgres.mark_available()
    app.redis.mark_available()
    app.postgres.mark_unavailable(OSError("refused"))
    status, word, dependencies = await app.ready()
    assert (status, word) == (200, "degraded")
    since = app.postgres.since.isoformat()
    assert dependencies["postgres"] == {
        "state": "unavailable",
        "since": since,
        "reason": "refused",
    }


async def test_worker_is_unready_only_without_a_needed_store() -> None:
    app = make(ready_when_degraded=False)
    app.postgres.mark_available()
    app.redis.mark_unavailable(OSError("refused"))
    assert (await app.ready())[:2] == (200, "degraded")
    app.postgres.mark_unavailable(OSError("refused"))
    assert (await app.ready())[:2] == (503, "unavailable")


async def test_metrics_show_the_process_and_the_stores() -> None:
    app = make(ready_when_degraded=True)
    app.postgres.mark_available()
    text = (await asgi.request(app.app, "/metrics")).text
    assert 'dependency_up{dependency="postgres"} 1.0' in text
    assert 'dependency_up{dependency="redis"} 0.0' in text
    assert "process_resident_memory_bytes" in text
