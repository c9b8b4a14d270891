"""The worker as an ASGI app: probes and metrics, with the consumer in its lifespan."""

import contextlib
import secrets
import socket
from collections.abc import AsyncIterator

from redis.asyncio import Redis
from starlette.applications import Starlette

from common import health, tracing
from common.background import background
from common.dependency import Dependency
from common.faults import Faults
from common.queue.session import Session
from common.redis_client import connect
from common.replica import Heartbeat, Identity, Replica
from worker import reset
from worker.consumer import BATCH_SIZE, Consumer
from worker.faults import FaultySession, FaultyStore, add_faults
from worker.metrics import Metrics
from worker.settings import Settings
from worker.store import Store

PING_INTERVAL = 2.0  # seconds between two pings of Postgres


def create_app(
    settings: Settings,
    *,
    migrate: bool = True,
    name: str | None = None,
    batch_size: int = BATCH_SIZE,
) -> Starlette:
    """Return the app. It consumes the queue while it is served.

    Args:
        settings: The settings of this worker.
        migrate: Whether it applies the schema.
        name: Its name in Redis and on the pages; by default, the name of the host.
        batch_size: The most ballots in one transaction.
    """
    identity = Identity("worker", name or socket.gethostname(), settings.app_version)
    tracing.configure("worker", settings.app_version)
    metrics = Metrics(settings.app_version)
    client = connect(settings, "worker-heartbeat")
    redis = Dependency("redis", settings.redis_address)
    postgres = Dependency("postgres", settings.database_address)
    faults = Faults(client, "worker", identity.name)
    store = Store(settings, migrate=migrate)
    if settings.faults == "enabled":
        store = FaultyStore(settings, faults, migrate=migrate)

    def open_session(client: Redis) -> Session:
        name = f"{identity.name}-{secrets.token_hex(3)}"
        if settings.faults == "enabled":
            return FaultySession(faults, client, name, identity.name)
        return Session(client, name, identity.name)

    consumer = Consumer(settings, store, metrics, redis, open_session)
    consumer.batch_size = batch_size

    def describe() -> Heartbeat:
        return add_faults(consumer.progress.heartbeat(), faults)

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
