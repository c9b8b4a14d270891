"""Child processes that end with this process, even if it is killed."""

import ctypes
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent ends
GRACE = 10.0  # seconds between the stop signal and SIGKILL


@dataclass(frozen=True)
class Child:
    """A process that this one has started."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path | None  # None: it writes to the standard streams of this process
    stop_signal: signal.Signals

    @property
    def status(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self.process.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        self.process.send_signal(number)

    def describe_end(self) -> str:
        """Return one line about its end, and the last lines of its log."""
        text = f"{self.name} ended by itself (status {self.status})"
        if self.log is None:
            return text
        with self.log.open(errors="replace") as lines:
            return "\n".join([f"{text}:", *(line.rstrip() for line in deque(lines, 10))])


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    **options: Any,
) -> Child:
    """Start a child process in a session of its own, which no Ctrl-C at a terminal reaches.

    On Linux it gets its stop signal when the thread that calls this ends.

    Args:
        name: What messages call it.
        command: The program and its arguments.
        log: A file to which its output is appended.
        stop_signal: The signal that ends it in order.
        options: Further options of `subprocess.Popen`.

    Raises:
        OSError: The program or the log cannot be opened.
    """
    output = None if log is None else open_file(log)
    try:
        process = subprocess.Popen(  # noqa: S603 (the callers name the programs)
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=end_with_parent(stop_signal),
            **options,
        )
    finally:
        if output is not None:
            os.close(output)
    return Child(name, process, log, stop_signal)


def end_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """Return what a child of this process runs first, to get the signal when its parent ends."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def set_signal() -> None:
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it ended before the call
            os._exit(1)

    return set_signal


def open_file(path: Path) -> int:
    """Open a file for appending; a new one belongs to the owner of its folder."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o600)
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def stop(children: Iterable[Child], grace: float = GRACE) -> None:
    """Stop all of them in order, and kill what still runs after `grace` seconds."""
    children = list(children)
    for child in children:
        child.signal(child.stop_signal)
        child.signal(signal.SIGCONT)  # a paused process acts on no signal
    for child in children:
        try:
            child.process.wait(grace)
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()
