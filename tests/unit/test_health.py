"""The routes for those who operate a service."""

import asyncpg
import prometheus_client
import pytest
import redis.exceptions
from starlette import applications

from common import dependency, health, metric
from tests import asgi


class Operated:
    """An app with two dependencies, one of them optional."""

    def __init__(self) -> None:
        self.registry = metric.registry()
        self.needed = dependency.Dependency("postgres", "", self.registry)
        self.optional = dependency.Dependency("redis", "", self.registry)
        routes = health.routes([self.needed], self.registry, [self.optional])
        self.app = applications.Starlette(routes=routes)

    async def get(self, path: str) -> asgi.Answer:
        return await asgi.request(self.app, path)


@pytest.fixture
def operated() -> Operated:
    return Operated()


async def test_healthz_does_not_ask_for_stores(operated: Operated) -> None:
    assert (await operated.get("/healthz")).status == 200


@pytest.mark.parametrize(
    "error",
    [
        redis.exceptions.AuthenticationError("WRONGPASS"),
        asyncpg.InvalidPasswordError("WRONGPASS"),
        asyncpg.InvalidAuthorizationSpecificationError("WRONGPASS"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_healthz_says_when_only_another_start_can_help(
    operated: Operated, error: Exception
) -> None:
    """Credentials are read at the start; a restart by a liveness probe reads them anew."""
    wrapped = OSError("while connecting")
    wrapped.__cause__ = error
    operated.needed.up()
    operated.needed.away(wrapped)
    operated.needed.away(ConnectionResetError("gone"))  # and was not let in since
    answer = await operated.get("/healthz")
    assert answer.status == 503
    assert answer.text.startswith("postgres refuses the credentials (")
    operated.needed.up()
    assert (await operated.get("/healthz")).status == 200
    operated.optional.away(wrapped)
    assert (await operated.get("/healthz")).status == 200  # it never let us in: so we go without it
    operated.optional.up()
    operated.optional.away(wrapped)
    assert (await operated.get("/healthz")).status == 503


async def test_readyz_names_what_is_away_and_why(operated: Operated) -> None:
    operated.needed.away(ConnectionRefusedError("refused"))
    answer = await operated.get("/readyz")
    assert answer.status == 503
    assert answer.json() == {
        "ready": False,
        "dependencies": {
            "postgres": {
                "state": "away",
                "since": operated.needed.since.isoformat(),
                "reason": "refused",
            },
            "redis": {
                "state": "away",
                "since": operated.optional.since.isoformat(),
                "reason": "not reached yet",
            },
        },
    }


async def test_what_is_optional_is_told_and_makes_nothing_unready(operated: Operated) -> None:
    operated.needed.up()
    answer = await operated.get("/readyz")
    assert answer.status == 200
    body = answer.json()
    assert body["ready"] is True
    assert body["dependencies"]["postgres"] == {
        "state": "up",
        "since": operated.needed.since.isoformat(),
    }
    assert body["dependencies"]["redis"]["state"] == "away"


async def test_startz_remembers_that_all_was_reached(operated: Operated) -> None:
    """A page stays in service while a store is away, and never before it was there."""
    answer = await operated.get("/startz")
    assert answer.status == 503
    body = answer.json()
    assert body["started"] is False
    assert body["dependencies"]["postgres"]["reason"] == "not reached yet"
    operated.needed.up()
    operated.needed.away(ConnectionRefusedError("refused"))
    answer = await operated.get("/startz")
    assert answer.status == 200
    assert answer.json()["started"] is True
    assert answer.json()["dependencies"]["postgres"]["state"] == "away"


async def test_metrics_are_prometheus_text(operated: Operated) -> None:
    operated.needed.up()
    answer = await operated.get("/metrics")
    assert answer.headers["content-type"] == prometheus_client.CONTENT_TYPE_LATEST
    assert 'dependency_up{dependency="postgres"} 1.0' in answer.text
    assert 'dependency_up{dependency="redis"} 0.0' in answer.text
    assert "process_resident_memory_bytes" in answer.text


async def test_registries_are_separate() -> None:
    """Several services run in one process without mixing their numbers."""
    first, second = Operated(), Operated()
    first.needed.up()
    assert 'dependency_up{dependency="postgres"} 0.0' in (await second.get("/metrics")).text
