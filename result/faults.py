"""Fault injection in the result service (FAULTS=enabled): lost connections.

Freezing the page is the hook `Live.is_paused`.
"""

import asyncio
from typing import NoReturn

import structlog

from common.faults import Faults
from result.live import Live

DROP_INTERVAL = 1.0  # seconds between two times that connections are dropped

log = structlog.get_logger("live")


async def drop_connections(live: Live, faults: Faults) -> NoReturn:
    """Disconnect as many browsers as a fault says, every second."""
    async with asyncio.TaskGroup() as group:  # a browser that does not read delays no other
        while True:
            await asyncio.sleep(DROP_INTERVAL)
            for sid in live.sids:
                if faults.hits("connection-drops"):
                    group.create_task(_drop(live, sid))


async def _drop(live: Live, sid: str) -> None:
    try:
        await live.server.disconnect(sid)
    except Exception:  # no injected fault may end the process
        log.exception("a connection was not dropped", sid=sid)
