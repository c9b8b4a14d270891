"""The worker as an ASGI app: probes and metrics, with the consumer in its lifespan."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette

from common import health
from common.background import background
from common.dependency import Dependency
from worker.consumer import Consumer
from worker.metrics import Metrics
from worker.settings import Settings
from worker.store import Store


def create_app(settings: Settings) -> Starlette:
    """Return the app. It consumes the queue while it is served."""
    metrics = Metrics()
    redis = Dependency("redis", settings.redis_address)
    postgres = Dependency("postgres", settings.database_address)
    store = Store(settings, migrate=settings.migrate)
    consumer = Consumer(settings, store, metrics, redis)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with background(postgres.watch(store.ping)):
            consuming = asyncio.create_task(consumer.run())
            yield
            await consumer.stop(consuming)
        store.close()

    return Starlette(
        routes=health.routes([redis, postgres], metrics.registry, ready_when_degraded=False),
        lifespan=lifespan,
    )
