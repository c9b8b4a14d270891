"""The heartbeats of all replicas, as this one hears them."""

import asyncio
import contextlib
import time
from typing import NoReturn

from redis.asyncio import Redis

from common.redis_client import UNAVAILABLE
from common.replica import GONE, Heartbeat, Identity, listen

# Seconds without a heartbeat until a replica counts as gone. So a dead worker leaves /system before
# others requeue what it has claimed.
TTL = 2.2
INTERVAL = 1.0  # seconds between two heartbeats of a replica at most
PAUSE = 0.5  # seconds until the next attempt to subscribe


class Heartbeats:
    """The newest heartbeat of each replica that lives.

    This replica hears itself, too. If it does not, the connection is dead or leads to a server that
    is no longer the primary. Then it subscribes again, and nobody has gone because of that.
    """

    def __init__(self, client: Redis, own: Identity) -> None:
        self._client = client
        self._own = (own.service, own.name)
        self._heard: dict[tuple[str, str], tuple[float, Heartbeat]] = {}
        self._heard_itself = 0.0  # monotonic, seconds

    async def follow(self) -> NoReturn:
        """Listen until cancelled."""
        while True:
            now = time.monotonic()
            self._heard = {key: (now, heartbeat) for key, (_, heartbeat) in self._heard.items()}
            with contextlib.suppress(*UNAVAILABLE):  # the pipeline reports it
                await self._listen()
            await asyncio.sleep(PAUSE)

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(TTL) as timeout:
            async for heartbeat in listen(self._client):
                key = (heartbeat.service, heartbeat.name)
                self._heard[key] = (time.monotonic(), heartbeat)
                if heartbeat.state == GONE:
                    del self._heard[key]
                if key == self._own:
                    self._heard_itself = time.monotonic()
                    timeout.reschedule(loop.time() + TTL)

    def alive(self) -> list[Heartbeat]:
        """Return the heartbeats of the replicas that live."""
        now = time.monotonic()
        # Otherwise the others may be silent only because the connection is dead.
        if now - self._heard_itself < TTL - INTERVAL:
            self._heard = {key: each for key, each in self._heard.items() if now - each[0] < TTL}
        return [heartbeat for _, heartbeat in self._heard.values()]
