"""The queue of vote, without the service around it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pydantic
import redis.asyncio

from common import ballot, dependency, redis_client
from vote import metric, pusher, queue, settings

OPTIONS = frozenset({"a", "b"})


class Pushed:
    """A queue with its metrics."""

    def __init__(self, client: redis.asyncio.Redis) -> None:
        self.metrics = metric.Metrics(OPTIONS)
        self.state = dependency.Dependency("redis", "", self.metrics.registry)
        self.queue = queue.Queue(client, self.state, self.metrics)

    async def push(self, cast: ballot.Ballot) -> None:
        """Returns once Redis has acknowledged it. Raises `QueueAway` when it has not."""
        acknowledged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle(away: pusher.QueueAway | None) -> None:
            if away is None:
                acknowledged.set_result(None)
            else:
                acknowledged.set_exception(away)

        self.queue.push_soon(cast, settle)
        await acknowledged

    def sample(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(name, labels)
        assert value is not None
        return value


@contextlib.asynccontextmanager
async def opened(url: str, limit: float = ballot.PUSH_TIMEOUT) -> AsyncIterator[Pushed]:
    """A queue that pushes to what listens there; `limit`: seconds for a command."""
    configured = settings.Settings(redis_url=pydantic.SecretStr(url))
    client = redis_client.connect(configured, "vote", timeout=limit, retries=0)
    pushed = Pushed(client)
    yield pushed
    await pushed.queue.close()
    await client.aclose()
