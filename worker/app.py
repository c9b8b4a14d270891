"""The worker as a process: the drain, and a small HTTP port for probes and metrics."""

import asyncio

from starlette.applications import Starlette

from common import concurrency, dependency, health, redis_client, server
from worker import drain, metric, queue, settings, store


async def run(configured: settings.Settings, stop: asyncio.Event) -> None:
    """Drains and serves until `stop` is set. Raises PortError when the port is taken."""
    listening = server.bind(configured.host, configured.port)
    metrics = metric.Metrics()
    redis = dependency.Dependency("redis", configured.redis_address(), metrics.registry)
    postgres = dependency.Dependency("postgres", configured.database_address(), metrics.registry)
    # No retries: after an error the session is over, see queue.Session.
    client = redis_client.connect(configured, "worker", retries=0)
    blocking = redis_client.connect(
        configured, "worker-waiting", timeout=queue.BLOCK + redis_client.ANSWER_TIMEOUT, retries=0
    )
    stored = store.Store(configured, migrate=configured.migrate)
    draining = drain.Drain(
        lambda: queue.Session(client, blocking, configured.session_name()),
        stored,
        metrics,
        redis=redis,
        postgres=postgres,
        batch_size=configured.batch_size,
    )
    app = Starlette(routes=health.routes([redis, postgres], metrics.registry))
    try:
        await concurrency.race(
            _all(draining.run(stop), server.serve(app, listening, stop, websockets=False)),
            postgres.watch(stored.ping),
        )
    finally:
        await stored.close()
        await client.aclose()
        await blocking.aclose()


async def _all(*parts: "asyncio._CoroutineLike[None]") -> None:
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(part)
