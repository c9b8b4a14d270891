"""The whole system as `python -m standalone` runs it, and the traces that it must not leave."""

import contextlib
import dataclasses
import os
import re
import signal
from pathlib import Path

import aiohttp
import psutil

from tests import service, until

ANY_PORTS = ("--vote-port", "0", "--result-port", "0", "--worker-port", "0")
READY_TIMEOUT = 30.0  # seconds
GONE_TIMEOUT = 15.0  # seconds
SEGMENTS = Path("/proc/sysvipc/shm")
CREATOR = 4  # the column with the process id


@dataclasses.dataclass
class System:
    """A run, with its data below `place`."""

    run: service.Service
    place: Path

    async def ready(self) -> None:
        """Wait for the banner."""

        def has_banner() -> bool:
            assert self.run.status is None, self.run.log
            return "Ctrl-C stops it" in self.run.log

        await until.true(has_banner, READY_TIMEOUT, lambda: self.run.log)

    def address(self, page: str) -> str:
        """Return the address of the page `vote` or `result` in the banner."""
        found = re.search(rf"^  {page} +(http://\S+)", self.run.log, re.MULTILINE)
        assert found, self.run.log
        return found[1]

    async def vote(self, option: str) -> None:
        """Vote as a new voter, and wait until the vote is counted."""
        before = await self.total()
        url = self.address("vote")
        async with (
            aiohttp.ClientSession() as client,
            client.post(url, data={"vote": option}, allow_redirects=False) as answer,
        ):
            assert answer.status == 303

        async def is_counted() -> bool:
            return await self.total() == before + 1

        await until.true(is_counted)

    async def total(self) -> int:
        """Return the number of all votes on the result page."""
        url = f"{self.address('result')}/api/results"
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            return int((await answer.json())["total"])

    async def text(self, page: str) -> str:
        """Return the HTML of the page `vote` or `result`."""
        async with aiohttp.ClientSession() as client, client.get(self.address(page)) as answer:
            return await answer.text()

    async def log_in(self) -> int:
        """Log in as the presenter with the token in the banner, and return the status code."""
        found = re.search(r"^  presenter token: (\S+)$", self.run.log, re.MULTILINE)
        assert found, self.run.log
        page = self.address("result")
        async with (
            aiohttp.ClientSession(headers={"Origin": page}) as client,
            client.post(f"{page}/system/login", json={"token": found[1]}) as answer,
        ):
            return answer.status

    def press_ctrl_c(self) -> None:
        """Send SIGINT to all processes in the foreground, as a terminal does."""
        os.killpg(os.getpgid(self.run.pid), signal.SIGINT)

    def traces(self) -> "Traces":
        """Return the traces that it has now."""
        main = psutil.Process(self.run.pid)
        return Traces(self.place, [main, *main.children(recursive=True)])


@dataclasses.dataclass
class Traces:
    """The processes of a run, and with them its sockets below `place` and its shared memory."""

    place: Path
    processes: list[psutil.Process]

    def process(self, part: str) -> psutil.Process:
        """Return the first process with `part` in its command line."""
        return next(each for each in self.processes if part in " ".join(each.cmdline()))

    async def gone(self) -> None:
        """Wait until the processes have ended, without sockets and shared memory left."""
        await until.true(
            lambda: not any(map(runs, self.processes)),
            GONE_TIMEOUT,
            lambda: list(map(str, self.processes)),
        )
        assert [path for path in self.place.rglob("*") if path.is_socket()] == []
        assert not {process.pid for process in self.processes} & segment_creators()


def segment_creators() -> set[int]:
    """Return the processes that made the shared memory segments (System V) of this machine."""
    if not SEGMENTS.exists():  # not Linux
        return set()
    return {int(line.split()[CREATOR]) for line in SEGMENTS.read_text().splitlines()[1:]}


def runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def start(services: service.Services, place: Path, *arguments: str, **environment: str) -> System:
    """Start it with its data in `place`/data, on any free ports by default."""
    data = ("--data", str(place / "data"))
    return System(services.start("standalone", *ANY_PORTS, *data, *arguments, **environment), place)
