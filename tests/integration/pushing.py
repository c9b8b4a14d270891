"""The queue of vote, without the service around it."""

from asyncio import TaskGroup
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from pydantic import SecretStr

from common.queue.message import Ballot
from common.queue.producer import RUNNERS, Producer
from common.redis_client import connect
from vote.metrics import Metrics
from vote.settings import Settings


class Pushed(NamedTuple):
    """A queue with its metrics."""

    producer: Producer
    metrics: Metrics

    async def push(self, ballot: Ballot) -> None:
        await self.producer.push(ballot)

    def sample(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(name, labels)
        assert value is not None
        return value


@asynccontextmanager
async def opened(
    url: str | None = None, replicas: int = 0, last_push: int | None = None, **settings: Any
) -> AsyncIterator[Pushed]:
    """Yield a queue that pushes to the Redis at `url`, or to the one of other settings."""
    metrics = Metrics(list("ab"))
    async with (
        connect(Settings(redis_url=SecretStr(url or ""), **settings), "vote") as client,
        TaskGroup() as tasks,
    ):
        producer = Producer(client, metrics, replicas, last_push)
        running = [tasks.create_task(producer.run()) for _ in range(RUNNERS)]
        yield Pushed(producer, metrics)
        for task in running:
            task.cancel()
