"""The services as real processes, each with its own port and log, all gone after the test."""

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

from standalone import child
from tests import until

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT = 20.0  # seconds
END_TIMEOUT = 12.0  # seconds; the services promise 10
# What the machine's environment may say about other systems must not reach the services.
INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "DOCKER_HOST")
INHERITED_PREFIXES = ("COVERAGE", "COV_")

MOST_WORKERS = 8  # processes at most, among which the tests are divided by default
# Systems give connections ports from 32,768 on, and clusters node ports from 30,000 on. One below
# stays free until it is listened on, also while what listens there is down.
FIRST_PORT, PORTS = 20_000, 1_200


def first_port(worker: str) -> int:
    """Where the ports begin that this process has among those that divide the tests."""
    return FIRST_PORT + PORTS * (int(worker.removeprefix("gw")) % MOST_WORKERS)


_first = first_port(os.environ.get("PYTEST_XDIST_WORKER", "gw0"))
_next = itertools.count(random.randrange(PORTS))  # other tests may run on this machine


def free_port() -> int:
    """A TCP port that nothing listens on, and that is not given again for long."""
    while True:
        port = _first + next(_next) % PORTS
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            return port


@dataclass
class Service:
    """A running program of the project."""

    name: str
    port: int
    child: child.Child

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.child.pid is not None
        return self.child.pid

    @property
    def status(self) -> int | None:
        """The exit status, minus the signal's number if one ended it; None while it runs."""
        return self.child.status

    @property
    def log(self) -> str:
        """What it wrote to standard output and standard error."""
        return self.child.order.log.read_text(errors="replace")

    async def get(self, path: str) -> int:
        """The status code of its answer; 0 if it does not answer."""
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
        """The body of its answer, whatever its status code."""
        timeout = aiohttp.ClientTimeout(total=2)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.get(self.url + path) as answer,
        ):
            return await answer.text()

    async def ready(self, within: float = READY_TIMEOUT) -> None:
        """Wait until it says that it is ready."""

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
    """Starts programs of the project."""

    folder: Path
    keeper: child.Keeper
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self, module: str, *arguments: str, **environment: str) -> Service:
        """Start `python -m module` with these settings alone. PORT is a free one unless given."""
        name = f"{module}-{next(self.numbers)}"
        port = int(environment.setdefault("PORT", str(free_port())))
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name in INHERITED or name.startswith(INHERITED_PREFIXES)
        }
        order = child.Order(
            argv=[sys.executable, "-m", module, *arguments],
            log=self.folder / f"{name}.log",
            folder=self.folder,
            environment={
                **inherited,
                "PYTHONPATH": str(ROOT),
                "PYTHONUNBUFFERED": "1",
                "HOST": "127.0.0.1",
                **environment,
            },
        )
        return Service(name, port, self.keeper.start(name, order))

    async def ready(self, module: str, *arguments: str, **environment: str) -> Service:
        """Start it and wait until it says that it is ready."""
        process = self.start(module, *arguments, **environment)
        await process.ready()
        return process


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[Services]:
    """Programs with their logs in `folder`. All end with the block, or when this process ends."""
    with child.Keeper() as keeper:
        yield Services(folder, keeper)
        for process in keeper.children.values():
            if process.status is None:
                process.signal(signal.SIGCONT)
