"""The stores from wheels, just as `standalone` runs them."""

import contextlib
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import redis

from standalone import folder
from standalone.child import stop
from standalone.stores import Postgres, Valkey
from tests import store, until

READY_TIMEOUT = 120.0  # seconds; after a crash a store first reads its log


class WheelServer(store.Server):
    """A server, and the processes that it forks, as Postgres does for each session."""

    def __init__(self, server: Postgres | Valkey) -> None:
        super().__init__()
        self.server = server
        self.child = server.start()

    def is_ready(self) -> bool:
        assert self.child.status is None, self.child.describe_end()
        return self.server.is_ready() and (isinstance(self.server, Postgres) or self._has_loaded())

    def _has_loaded(self) -> bool:
        """Return whether Valkey has read its data. Until then it refuses commands."""
        try:
            with redis.Redis.from_url(self.server.url) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def close(self) -> None:
        self._send(signal.SIGCONT)
        stop([self.child])

    # Nothing here may start it in another thread: it would end with that thread.
    async def _start(self) -> None:
        self.child = self.server.start()
        await until.true(self.is_ready, READY_TIMEOUT)

    async def _stop(self) -> None:
        self.child.signal(self.child.stop_signal)
        await until.true(lambda: self.child.status is not None)

    async def _kill(self) -> None:
        processes = self._processes()
        self._send(signal.SIGKILL)
        await until.true(lambda: self.child.status is not None)
        await until.true(lambda: not any(map(_runs, processes)))

    async def _pause(self) -> None:
        self._send(signal.SIGSTOP)

    async def _resume(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _processes(self) -> list[psutil.Process]:
        try:
            main = psutil.Process(self.child.process.pid)
            return [main, *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@contextlib.contextmanager
def opened() -> Iterator[store.Servers]:
    """Start both servers with their data in a new temporary folder."""
    path = Path(tempfile.mkdtemp(prefix="vote-test-"))
    path.chmod(0o711)  # for root, the servers run as another user
    try:
        with folder.opened(path) as data, contextlib.ExitStack() as held:
            valkey, postgres = Valkey(data), Postgres(data)
            redis_server, postgres_server = WheelServer(valkey), WheelServer(postgres)
            for server in (redis_server, postgres_server):
                held.callback(server.close)
            while not (redis_server.is_ready() and postgres_server.is_ready()):
                time.sleep(until.POLL)
            yield store.Servers(
                kind="wheels",
                database_url=postgres.url,
                redis_url=valkey.url,
                postgres=postgres_server,
                redis=redis_server,
            )
    finally:
        folder.remove(path)


def _runs(process: psutil.Process) -> bool:
    """Return whether a process has not ended. Where nobody reaps orphans, they stay as zombies."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
