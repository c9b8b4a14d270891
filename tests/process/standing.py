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

ANY_PORTS = ("--host", "127.0.0.1", "--vote-port", "0", "--result-port", "0", "--worker-port", "0")
READY_TIMEOUT = 30.0  # seconds
GONE_TIMEOUT = 15.0  # seconds
SHARED_FILES = Path("/dev/shm")
SEGMENTS = Path("/proc/sysvipc/shm")
CREATOR = 4  # the column with the process id


@dataclasses.dataclass
class System:
    """A run, with its data below `place`."""

    run: service.Service
    place: Path

    async def ready(self) -> None:
        """Wait for the banner."""

        def is_told() -> bool:
            assert self.run.status is None, self.run.log
            return "Ctrl-C stops it" in self.run.log

        await until.true(is_told, READY_TIMEOUT, lambda: self.run.log)

    async def has(self, name: str) -> None:
        """Wait until it has made this file or folder in its data folder."""
        path = self.place / "data" / name

        def is_there() -> bool:
            assert self.run.status is None, (self.run.status, self.run.log)
            return path.exists()

        await until.true(is_there, READY_TIMEOUT, lambda: (name, self.run.log))

    def address(self, page: str) -> str:
        """The address of the page `vote` or `result`, as the banner tells it."""
        found = re.search(rf"^  {page} +(http://\S+)", self.run.log, re.MULTILINE)
        assert found, self.run.log
        return found[1]

    async def vote(self, option: str) -> None:
        """Vote as a new voter."""
        async with (
            aiohttp.ClientSession() as client,
            client.post(
                self.address("vote"), data={"vote": option}, allow_redirects=False
            ) as answer,
        ):
            assert answer.status == 303

    async def total(self) -> int:
        """All votes, as the result page knows them."""
        url = f"{self.address('result')}/api/results"
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            return int((await answer.json())["total"])

    async def text(self, page: str) -> str:
        """The HTML of the page `vote` or `result`."""
        async with aiohttp.ClientSession() as client, client.get(self.address(page)) as answer:
            return await answer.text()

    def press_ctrl_c(self) -> None:
        """SIGINT for every process in the foreground, as a terminal sends it."""
        os.killpg(os.getpgid(self.run.pid), signal.SIGINT)

    def traces(self) -> "Traces":
        """What there is of it now."""
        return traces(self.run.pid, self.place)

    async def ended(self) -> int:
        """Wait until it has ended, and return its exit status."""
        return await self.run.ended()


@dataclasses.dataclass
class Traces:
    """What a run had: these processes, sockets below `place`, shared memory."""

    place: Path
    processes: list[psutil.Process]
    shared_files: set[Path]

    def server(self, part: str) -> psutil.Process:
        """The first process with `part` in its command line: parents come before children."""
        return next(each for each in self.processes[1:] if part in " ".join(each.cmdline()))

    async def gone(self, *, but_shared_memory: bool = False) -> None:
        """Wait until nothing of it is left: processes, sockets, shared memory."""
        await until.true(
            lambda: not any(map(lives, self.processes)),
            GONE_TIMEOUT,
            lambda: list(map(str, self.processes)),
        )
        assert [path for path in self.place.rglob("*") if path.is_socket()] == []
        if not but_shared_memory:
            assert [path for path in self.shared_files if path.exists()] == []
            assert not {process.pid for process in self.processes} & segment_creators()


def traces(pid: int, place: Path) -> Traces:
    """What there is now of the run that is process `pid` and has its data below `place`."""
    main = psutil.Process(pid)
    processes = [main, *main.children(recursive=True)]
    files: set[Path] = set()
    for process in processes:
        # While it starts, some end soon.
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
            maps = [Path(each.path) for each in process.memory_maps()]
            files.update(path for path in maps if path.is_relative_to(SHARED_FILES))
    return Traces(place, processes, files)


def segment_creators() -> set[int]:
    """The processes that made the shared memory segments (System V) of this machine."""
    if not SEGMENTS.exists():  # not Linux
        return set()
    return {int(line.split()[CREATOR]) for line in SEGMENTS.read_text().splitlines()[1:]}


def lives(process: psutil.Process) -> bool:
    """Whether it runs; a zombie does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start(services: service.Services, place: Path, *arguments: str, **environment: str) -> System:
    """Start it with its data in `place`/data, on any free ports unless told."""
    run = services.start(
        "standalone", *ANY_PORTS, "--data", str(place / "data"), *arguments, **environment
    )
    return System(run, place)
