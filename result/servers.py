"""The servers of a replicated store: which one is the primary, and how many replicas follow it."""

import asyncio
import ipaddress
import socket
import time
from dataclasses import dataclass
from typing import NamedTuple

from common.clock import milliseconds

TIMEOUT = 1.0  # seconds for the name of an address
LOOK_UP_INTERVAL = 5.0  # seconds between two attempts to find a name


class Servers(NamedTuple):
    """One look: the host of the primary, if known, and the number of its replicas."""

    primary: str | None
    replicas: int


@dataclass
class Replication:
    """What the system page shows of one store, from look to look."""

    _primary: str | None = None
    _since: int | None = None  # ms since the epoch; None: it was the primary at the first look
    _name: str | None = None
    _next_look_up: float = 0.0  # monotonic, seconds

    async def describe(self, servers: Servers | None) -> dict[str, object] | None:
        """Return the name of the primary, since when it is that, and the number of replicas.

        Returns:
            None if the store has one server only, as far as known.
        """
        if servers is None or servers.primary is None:
            return None
        if self._primary is None and not servers.replicas:
            return None
        if servers.primary != self._primary:
            self._since = milliseconds() if self._primary else None
            self._primary = self._name = servers.primary
            self._next_look_up = 0.0
        await self._find_name(servers.primary)
        return {"primary": self._name, "since": self._since, "replicas": servers.replicas}

    async def _find_name(self, host: str) -> None:
        # For some seconds, the address of a new pod has no name.
        if self._name != host or time.monotonic() < self._next_look_up:
            return
        self._next_look_up = time.monotonic() + LOOK_UP_INTERVAL
        name = await _look_up(host)
        if self._primary == host:  # still
            self._name = name


async def _look_up(host: str) -> str:
    """Return the name of a host without its domain. An address without a name stays as it is."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.partition(".")[0]
    try:
        async with asyncio.timeout(TIMEOUT):
            loop = asyncio.get_running_loop()
            name, _ = await loop.getnameinfo((host, 0), socket.NI_NAMEREQD)
    except (OSError, TimeoutError):
        return host
    return name.partition(".")[0]
