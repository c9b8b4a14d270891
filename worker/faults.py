"""Fault injection in a worker (FAULTS=enabled): a slow commit, a crash, a pause."""

import asyncio
import os

import structlog
from redis.asyncio import Redis

from common.faults import CRASHED, Faults
from common.queue.session import Session
from common.replica import Heartbeat
from worker.settings import Settings
from worker.store import DeadLetter, Rows, Store

PAUSE_INTERVAL = 0.1  # seconds between two looks at a pause

log = structlog.get_logger("worker")


class FaultyStore(Store):
    """A store whose commit is slow, or that ends the process before the acknowledgement."""

    def __init__(self, settings: Settings, faults: Faults, *, migrate: bool) -> None:
        super().__init__(settings, migrate=migrate)
        self._faults = faults

    async def commit(self, rows: Rows) -> list[DeadLetter]:
        """Commit after a delay, and then crash, as the faults say."""
        await self._faults.delay("slow-commit")
        rejected = await super().commit(rows)
        if await self._faults.take("worker-crash"):
            log.warning("injected crash: the batch is committed and not acknowledged")
            os._exit(CRASHED)
        return rejected


class FaultySession(Session):
    """A session that claims nothing while the worker is paused."""

    def __init__(self, faults: Faults, client: Redis, name: str, replica: str) -> None:
        super().__init__(client, name, replica)
        self._faults = faults

    async def claim(self, limit: int) -> list[bytes]:
        """Claim messages, or none after a moment."""
        if self._faults.value("worker-pause"):
            await asyncio.sleep(PAUSE_INTERVAL)
            return []
        return await super().claim(limit)


def add_faults(heartbeat: Heartbeat, faults: Faults) -> Heartbeat:
    """Return the heartbeat with the faults that the worker has."""
    heartbeat.faults = faults.describe()
    if faults.value("worker-pause"):
        heartbeat.state = "paused"
    return heartbeat
