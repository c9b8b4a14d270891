"""The worker as an ASGI app: probes and metrics, with the consumer in its lifespan."""

import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial

from redis.asyncio import Redis
from starlette.applications import Starlette

from common import health, tracing
from common.background import background
from common.dependency import Dependency
from common.faults import Faults
from common.redis_client import connect
from common.replica import Heartbeat, Identity, Replica
from worker import reset
from worker.consumer import Consumer
from worker.faults import FaultySession, FaultyStore, add_faults
from worker.metrics import Metrics
from worker.queue import Session
from worker.settings import Settings
from worker.store import Store

PING_INTERVAL = 2.0  # seconds between two pings of Postgres


def create_app(settings: Settings) -> Starlette:
    """Return the app. It consumes the queue while it is served."""
    tracing.configure("worker", settings.app_version)
    metrics = Metrics(settings.app_version)
    client = connect(settings, "worker-heartbeat")
    redis = Dependency("redis", settings.redis_address)
    postgres = Dependency("postgres", settings.database_address)
    faults = Faults(client, "worker", settings.worker_name)
    store = Store(settings, migrate=settings.migrate)
    open_session: Callable[[Redis, str, str], Session] = Session
    if settings.faults == "enabled":
        store = FaultyStore(settings, faults)
        open_session = partial(FaultySession, faults)
    consumer = Consumer(settings, store, metrics, redis, open_session)

    def describe() -> Heartbeat:
        return add_faults(consumer.progress.heartbeat(), faults)

    identity = Identity("worker", settings.worker_name, settings.app_version)
    replica = Replica(client, identity, metrics.committed, describe)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        endless = [consumer.run(), postgres.watch(store.ping, PING_INTERVAL), replica.publish()]
        if settings.faults == "enabled":
            endless += [faults.follow(), reset.follow(settings, client)]
        async with client, background(*endless):
            yield
            await consumer.stop()
        store.close()

    return Starlette(
        routes=health.routes([redis, postgres], metrics.registry, ready_when_degraded=False),
        lifespan=lifespan,
    )
