"""The services as real processes, each with its own port and log, stopped after the test."""

import contextlib
import itertools
import os
import random
import signal
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from standalone.child import Child, start, stop
from tests import until

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT = 20.0  # seconds
END_TIMEOUT = 12.0  # seconds; the services promise 10
# The services get no other variable of the machine's environment.
INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "DOCKER_HOST")
INHERITED_PREFIXES = ("COVERAGE", "COV_")

MOST_WORKERS = 8  # processes among which the tests are divided
# Systems give ports from 32,768 to connections, and clusters from 30,000 to nodes.
FIRST_PORT, PORTS = 20_000, 1_200

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_first = FIRST_PORT + PORTS * (_worker % MOST_WORKERS)
_next = itertools.count(random.randrange(PORTS))  # other tests may run on this machine


def free_port() -> int:
    """Return a TCP port that nothing listens on, and that is not returned again for long."""
    while True:
        port = _first + next(_next) % PORTS
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            return port


@dataclass
class Service:
    """A running program of the project."""

    name: str
    port: int
    child: Child

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.child.process.pid

    @property
    def status(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self.child.status

    @property
    def log(self) -> str:
        """Its standard output and standard error."""
        assert self.child.log is not None
        return self.child.log.read_text(errors="replace")

    async def get(self, path: str) -> int:
        """Return the status code of its answer; 0 if it does not answer."""
        timeout = aiohttp.ClientTimeout(total=2)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.get(self.url + path) as answer,
            ):
                return answer.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

    async def text(self, path: str) -> str:
        """Return the body of its answer."""
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(self.url + path) as answer,
        ):
            return await answer.text()

    async def ready(self, within: float = READY_TIMEOUT) -> None:
        """Wait until /readyz answers 200."""

        async def is_ready() -> bool:
            assert self.status is None, f"{self.name} ended with {self.status}:\n{self.log}"
            return await self.get("/readyz") == 200

        await until.true(is_ready, within, lambda: f"{self.name} ready\n{self.log}")

    async def ended(self, within: float = END_TIMEOUT) -> int:
        """Wait until it has ended, and return its exit status."""
        await until.true(lambda: self.status is not None, within, lambda: f"end\n{self.log}")
        assert self.status is not None
        return self.status

    def signal(self, number: signal.Signals) -> None:
        self.child.signal(number)

    async def terminate(self) -> int:
        """Ask it to end (SIGTERM), and return its exit status."""
        self.signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """End it at once (SIGKILL)."""
        self.signal(signal.SIGKILL)
        await self.ended()

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)


@dataclass
class Services:
    """Starts programs of the project. Their logs are in `folder`."""

    folder: Path
    started: list[Service] = field(default_factory=list)

    def start(self, module: str, *arguments: str, **environment: str) -> Service:
        """Start `python -m module` with these settings only. PORT is a free one by default."""
        name = f"{module}-{len(self.started)}"
        port = int(environment.setdefault("PORT", str(free_port())))
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in INHERITED or name.startswith(INHERITED_PREFIXES)
        }
        child = start(
            name,
            [sys.executable, "-m", module, *arguments],
            log=self.folder / f"{name}.log",
            cwd=self.folder,
            env={
                **inherited,
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "HOST": "127.0.0.1",
                **environment,
            },
        )
        self.started.append(Service(name, port, child))
        return self.started[-1]

    async def ready(self, module: str, *arguments: str, **environment: str) -> Service:
        """Start it and wait until it is ready."""
        process = self.start(module, *arguments, **environment)
        await process.ready()
        return process


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Services]:
    """Yield what starts programs. All of them end with the block, or with this process."""
    services = Services(folder)
    try:
        yield services
    finally:
        stop(process.child for process in services.started)
