"""The replicas of all services, as their heartbeats show them."""

from typing import NamedTuple

from common.clock import milliseconds
from common.replica import Heartbeat

FORGOTTEN = 10_000  # ms without a heartbeat after which a replica is forgotten
RESTART = 2_000  # ms; a service without replicas for that long is unavailable


class Replica(NamedTuple):
    """The last heartbeat of a replica, and since when there is none (ms since the epoch)."""

    heartbeat: Heartbeat
    gone_since: int | None


class Replicas:
    """The replicas that live, and those that have gone lately.

    Attributes:
        known: All of them, by service and name.
    """

    def __init__(self, forgotten: int = FORGOTTEN) -> None:
        self.known: dict[tuple[str, str], Replica] = {}
        self._forgotten = forgotten
        self._services: set[str] = set()

    def note(self, heartbeats: list[Heartbeat], *, is_certain: bool) -> None:
        """Note which replicas have a heartbeat now.

        Args:
            heartbeats: All that there are.
            is_certain: Whether a replica without a heartbeat has gone.
        """
        now = milliseconds()
        alive = {(each.service, each.name): Replica(each, None) for each in heartbeats}
        self.known |= alive
        self._services |= {service for service, _ in alive}
        for key in self.known.keys() - alive.keys():
            heartbeat, gone_since = self.known[key]
            if gone_since is None and is_certain:
                self.known[key] = Replica(heartbeat, now)
            elif gone_since is not None and now - gone_since > self._forgotten:
                del self.known[key]

    def alive(self) -> list[Heartbeat]:
        """Return the last heartbeats of the replicas that live."""
        return [each.heartbeat for each in self.known.values() if each.gone_since is None]

    def is_available(self, service: str) -> bool | None:
        """Return whether a service has a replica, or had one a restart ago; None: it never had."""
        if service not in self._services:
            return None
        since = milliseconds() - RESTART
        replicas = (each for (of, _), each in self.known.items() if of == service)
        return any(each.gone_since is None or each.gone_since > since for each in replicas)
