"""Which processes run on which cores, where the system can be told."""

import contextlib
import os
from collections.abc import Iterable, Iterator

import psutil

COUNT = len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity") else 0
ANY = f"any of {COUNT or os.cpu_count()}"


def pin(pid: int, core: int) -> None:
    """Keeps a process, with all threads and children that it has, on one core."""
    allowed = psutil.Process().cpu_affinity()
    assert allowed is not None
    _keep(pid, [allowed[core % len(allowed)]])


@contextlib.contextmanager
def only(count: int) -> Iterator[None]:
    """Keeps this process and all below it, also those to come, on the first `count` cores."""
    allowed = psutil.Process().cpu_affinity()
    assert allowed is not None
    _keep(os.getpid(), allowed[:count])
    try:
        yield
    finally:
        _keep(os.getpid(), allowed)


def _keep(pid: int, cores: Iterable[int]) -> None:
    main = psutil.Process(pid)
    for process in (main, *main.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            for thread in process.threads():
                with contextlib.suppress(ProcessLookupError):
                    os.sched_setaffinity(thread.id, cores)


def named(name: str) -> list[int]:
    """The ids of the processes below this one with that name."""
    return [each.pid for each in psutil.Process().children(recursive=True) if each.name() == name]


def memory(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(psutil.Process(pid).memory_info().rss)


def cpu(pid: int) -> float:
    """Seconds of CPU time that a process has had; 0 if it has ended."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def can_pin() -> bool:
    return COUNT >= 2 and hasattr(os, "sched_setaffinity")
