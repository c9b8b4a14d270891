"""The servers of a replicated store: which one is the primary, and how many replicas follow it."""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import NamedTuple

from common.clock import milliseconds

TIMEOUT = 1.0  # seconds for the name of an address


class Servers(NamedTuple):
    """One look: the host of the primary, if known, and the number of its replicas."""

    primary: str | None
    replicas: int


@dataclass
class Replication:
    """What the system page shows of one store, from look to look."""

    _primary: str | None = None
    _since: int | None = None  # ms since the epoch; None: it was the primary at the first look
    _names: dict[str, str] = field(default_factory=dict)  # by host

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
            self._primary = servers.primary
        return {
            "primary": await self._name(servers.primary),
            "since": self._since,
            "replicas": servers.replicas,
        }

    async def _name(self, host: str) -> str:
        if host not in self._names:
            name = await _look_up(host)
            if name == host:  # a new pod has no name yet: ask again at the next look
                return host
            self._names[host] = name
        return self._names[host]


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
