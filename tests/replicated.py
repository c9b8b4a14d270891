"""Three servers of Valkey with passwords, and three Sentinels that watch over them."""

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from standalone.child import Child, start, stop
from standalone.stores import VALKEY, installed
from tests import place, until
from tests.service import free_port

PRIMARY = "votes"
PASSWORD = "of the servers"
SENTINEL_PASSWORD = "of the Sentinels"
COUNT = 3

SERVER = """
bind 127.0.0.1
port {port}
dir "{folder}"
appendonly yes
appendfsync always
save ""
requirepass "{password}"
masterauth "{password}"
min-replicas-to-write 1
min-replicas-max-lag 2
repl-diskless-sync-delay 0
repl-ping-replica-period 1
"""

SENTINEL = """
bind 127.0.0.1
port {port}
dir "{folder}"
requirepass "{sentinel_password}"
sentinel sentinel-pass "{sentinel_password}"
sentinel monitor votes 127.0.0.1 {primary} 2
sentinel auth-pass votes "{password}"
sentinel down-after-milliseconds votes 500
sentinel failover-timeout votes 2000
"""


@dataclass
class Replicated:
    """The servers and Sentinels, by their ports; the first server starts as the primary."""

    folder: Path
    servers: list[int] = field(default_factory=lambda: [free_port() for _ in range(COUNT)])
    sentinels: list[int] = field(default_factory=lambda: [free_port() for _ in range(COUNT)])
    children: dict[int, Child] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """The settings with which a service uses them."""
        return {
            "REDIS_SENTINELS": ",".join(f"127.0.0.1:{port}" for port in self.sentinels),
            "REDIS_PASSWORD": PASSWORD,
            "REDIS_SENTINEL_PASSWORD": SENTINEL_PASSWORD,
            "REDIS_REPLICAS": "1",
        }

    def start(self) -> None:
        """Start all, and wait until every Sentinel knows all of them."""
        for port in self.servers:
            self._start(port, SERVER)
            with redis.Redis(port=port, password=PASSWORD) as client:
                if port != self.servers[0]:
                    client.replicaof("127.0.0.1", self.servers[0])
                    while client.info("replication")["master_link_status"] != "up":
                        time.sleep(until.POLL)
        for port in self.sentinels:
            self._start(port, SENTINEL, "--sentinel")
        while not all(map(self._knows_all, self.sentinels)):
            time.sleep(until.POLL)

    def client(self, port: int) -> Redis:
        """Return a client of one server."""
        return Redis(port=port, password=PASSWORD)

    async def primary(self) -> int:
        """Return the port of the primary that most Sentinels name."""
        ports = [await _primary(port) for port in self.sentinels]
        return max(ports, key=ports.count)

    async def kill(self, port: int) -> None:
        """End a server or a Sentinel at once. Nothing starts it again: its disk is lost, too."""
        child = self.children.pop(port)
        child.process.kill()
        child.process.wait()

    def _start(self, port: int, template: str, *arguments: str) -> None:
        folder = self.folder / str(port)
        folder.mkdir()
        config = folder / "valkey.conf"
        config.write_text(
            template.format(
                port=port,
                folder=folder,
                primary=self.servers[0],
                password=PASSWORD,
                sentinel_password=SENTINEL_PASSWORD,
            )
        )
        (program,) = (installed(VALKEY) / "_binaries").glob("*/valkey-server")
        self.children[port] = start(
            f"valkey-{port}", [program, config, *arguments], log=folder / "log"
        )
        while not _listens(port):
            assert self.children[port].status is None, self.children[port].describe_end()
            time.sleep(until.POLL)

    def _knows_all(self, port: int) -> bool:
        with redis.Redis(port=port, password=SENTINEL_PASSWORD) as sentinel:
            state: Any = sentinel.sentinel_master(PRIMARY)
        return {state["num-slaves"], state["num-other-sentinels"]} == {COUNT - 1}


async def _primary(port: int) -> int:
    async with Redis(
        port=port, password=SENTINEL_PASSWORD, retry=Retry(NoBackoff(), 0)
    ) as sentinel:
        try:
            address: Any = await sentinel.sentinel_get_master_addr_by_name(PRIMARY)
        except redis.exceptions.ConnectionError:
            return 0
    return int(address[1])


def _listens(port: int) -> bool:
    with contextlib.suppress(ConnectionError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def opened() -> Iterator[Replicated]:
    """Yield three servers and three Sentinels, and stop what still runs of them at the end."""
    with place.opened("vote-test-") as path:
        group = Replicated(path)
        try:
            group.start()
            yield group
        finally:
            stop(group.children.values())
