"""The stores from wheels, just as `standalone` runs them."""

import contextlib
import shutil
from collections.abc import Callable, Iterator

import psutil

from standalone import child
from standalone import store as standalone_store
from tests import place, store

GONE_TIMEOUT = 10.0  # seconds


class WheelControl:
    """A server and the processes that it forks, as Postgres does for each session."""

    def __init__(
        self, launch: Callable[[], child.Child], ready: Callable[[child.Child], None]
    ) -> None:
        self._launch = launch
        self._ready = ready
        self._server = launch()

    def wait_ready(self) -> None:
        self._ready(self._server)

    def start(self) -> None:
        self._server = self._launch()
        self.wait_ready()

    def stop(self) -> None:
        self._server.stop()

    def kill(self) -> None:
        processes = self._processes()
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self._server.kill()
        psutil.wait_procs(processes, GONE_TIMEOUT)

    def pause(self) -> None:
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def resume(self) -> None:
        for process in reversed(self._processes()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def _processes(self) -> list[psutil.Process]:
        try:
            main = psutil.Process(self._server.pid)
            return [main, *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


@contextlib.contextmanager
def opened() -> Iterator[store.Servers]:
    """Both servers with their data in a new temporary folder."""
    with contextlib.ExitStack() as held:
        path = held.enter_context(place.opened("vote-test-"))
        stores = held.enter_context(standalone_store.opened(path))
        if stores.folder.base != path:
            held.callback(shutil.rmtree, stores.folder.base)
        redis = WheelControl(stores.start_valkey, stores.wait_valkey)
        postgres = WheelControl(stores.start_postgres, stores.wait_postgres)
        redis.wait_ready()
        postgres.wait_ready()
        yield store.Servers(
            kind="wheels",
            database_url=stores.database_url,
            redis_url=stores.redis_url,
            postgres=store.Server(postgres),
            redis=store.Server(redis),
        )
        # In reverse: the servers end first, then their folders go.
