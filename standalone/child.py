"""Child processes that end with this process, even if it is killed, and a watch over them."""

import atexit
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2): the signal that a process gets when its parent ends
POLL = 0.03  # seconds
GRACE = 10.0  # seconds between the stop signal and SIGKILL


class SetupError(Exception):
    """The system cannot start. The text says why and how to fix it."""


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
        text = f"{self.name} exited unexpectedly (status {self.status})"
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
        stop_signal: The signal that shuts it down gracefully.
        options: Further options of `subprocess.Popen`.

    Raises:
        OSError: The program or the log cannot be opened.
    """
    with ExitStack() as held:
        output = held.enter_context(log.open("ab")) if log else None
        process = subprocess.Popen(  # noqa: S603 (the callers name the programs)
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=partial(end_with_parent, stop_signal),
            **options,
        )
    return Child(name, process, log, stop_signal)


def end_with_parent(number: signal.Signals) -> None:
    """Let this process get the signal when its parent ends, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def stop(children: Iterable[Child], grace: float = GRACE) -> None:
    """Shut all of them down gracefully, and kill what still runs after `grace` seconds."""
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


class Watch:
    """Watches for signals that stop the system, and for children that end by themselves."""

    def __init__(self) -> None:
        self.children: list[Child] = []
        self.is_stopping = False
        self.restarted: int | None = None  # the exit status of a child that is started again
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup ignores SIGHUP, and a script's background processes ignore SIGINT.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._stop)
                # At its very end, Python gives the signal its default action again.
                atexit.register(signal.signal, number, signal.SIG_IGN)
        if "MAKELEVEL" in os.environ:
            end_with_parent(signal.SIGTERM)

    def add(self, child: Child) -> Child:
        """Watch this child from now on."""
        self.children.append(child)
        return child

    def wait(self, is_done: Callable[[], bool]) -> None:
        """Wait until something is done.

        Raises:
            SystemExit: A signal asked the system to stop, or a child ended.
        """
        while not is_done():
            if self.is_stopping:
                sys.exit()
            for child in self.children:
                if child.status not in (None, self.restarted):
                    sys.exit(f"standalone: {child.describe_end()}")
            time.sleep(POLL)

    def _stop(self, *_: object) -> None:
        self.is_stopping = True
