"""Child processes, run through the keeper, which outlives this process if it is killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

from standalone import keeper

GRACE = 4.0  # seconds between a child's stop signal and SIGKILL
KEEPER_GRACE = GRACE + 2.0  # seconds
READY_POLL = 0.01  # seconds between two looks at a child that is starting


class ChildError(Exception):
    """A child could not be started, ended too early, or was not ready in time."""


@dataclass(frozen=True)
class Order:
    """What to run and how to stop it."""

    argv: Sequence[str | Path]
    log: Path
    folder: Path = Path("/")
    environment: Mapping[str, str] | None = None  # None: as this process has it
    uid: int | None = None  # None: the user of this process
    gid: int | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = GRACE  # seconds


@dataclass
class Child:
    """One child of the keeper. `status`: None while it runs, then `subprocess.Popen.returncode`."""

    name: str
    order: Order
    changed: threading.Condition
    send: Callable[[dict[str, Any]], None]
    pid: int | None = None
    status: int | None = None
    error: str | None = None

    def wait(self, timeout: float) -> int | None:
        """The exit status, or None if it still runs after `timeout` seconds."""
        with self.changed:
            self.changed.wait_for(lambda: self.status is not None, timeout)
        return self.status

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, by the keeper, which knows whether its process id is still its own."""
        self.send({"do": "signal", "name": self.name, "signal": int(number)})

    def stop(self) -> int:
        """Ask it to stop, kill it when its grace is over, and return its exit status."""
        self.signal(self.order.stop_signal)
        self.signal(signal.SIGCONT)
        status = self.wait(self.order.grace)
        return self.kill() if status is None else status

    def kill(self) -> int:
        """End it at once and return its exit status."""
        self.signal(signal.SIGKILL)
        status = self.wait(GRACE)
        if status is None:
            raise ChildError(f"{self.name}: still there after SIGKILL")
        return status

    def wait_ready(self, is_ready: Callable[[], bool], timeout: float) -> None:
        """Wait until `is_ready` says so.

        Raises:
            ChildError: it ended, or `timeout` seconds passed; with the last lines of its log.
        """
        deadline = time.monotonic() + timeout
        while not is_ready():
            if self.wait(READY_POLL) is not None:
                raise ChildError(f"{self.name} ended with status {self.status}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ChildError(
                    f"{self.name} was not ready in {timeout:g} seconds:\n{self.log_tail()}"
                )

    def log_tail(self, lines: int = 10) -> str:
        try:
            text = self.order.log.read_text(errors="replace")
        except OSError as problem:
            return str(problem)
        return "\n".join(text.splitlines()[-lines:])


@dataclass
class Keeper:
    """The keeper process, seen from the process that gives the orders."""

    pass_fds: Sequence[int] = ()  # descriptors which the keeper and all its children hold open
    leftover: Path | None = None  # a folder which is deleted at the end, if it is empty
    children: dict[str, Child] = field(default_factory=dict)
    on_end: Callable[[Child], None] = lambda child: None  # called in another thread
    status: int | None = None  # None while it runs, then `subprocess.Popen.returncode`

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.process = subprocess.Popen(  # noqa: S603 - this Python, this project's file
            [sys.executable, "-I", "-S", keeper.__file__, *filter(None, [self.leftover])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            start_new_session=True,  # a terminal's Ctrl-C must not reach it or the servers
            pass_fds=self.pass_fds,
        )
        self.orders = cast("IO[bytes]", self.process.stdin)
        self.listener = threading.Thread(target=self._listen, name="keeper", daemon=True)
        self.listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, name: str, order: Order) -> Child:
        """Start a child.

        Raises:
            ChildError: it could not be started.
        """
        child = Child(name, order, self.changed, self._send)
        self.children[name] = child
        self._send(
            {
                "do": "start",
                "name": name,
                "argv": [str(part) for part in order.argv],
                "log": str(order.log),
                "folder": str(order.folder),
                "environment": None if order.environment is None else dict(order.environment),
                "uid": order.uid,
                "gid": order.gid,
                "stop_signal": int(order.stop_signal),
                "grace": order.grace,
                "pass_fds": list(self.pass_fds),
            }
        )
        with self.changed:
            self.changed.wait_for(lambda: child.pid or child.status is not None, GRACE)
        if child.pid is None:
            raise ChildError(f"{name}: {child.error or 'the keeper does not answer'}")
        return child

    def run(self, name: str, order: Order, timeout: float) -> None:
        """Run a program to its end.

        Raises:
            ChildError: it failed, or did not end in `timeout` seconds.
        """
        child = self.start(name, order)
        status = child.wait(timeout)
        if status is None:
            child.kill()
            raise ChildError(f"{name} did not end in {timeout:g} seconds:\n{child.log_tail()}")
        if status:
            raise ChildError(f"{name} ended with status {status}:\n{child.log_tail()}")

    def close(self) -> None:
        """Stop every child in an orderly way, then the keeper."""
        with contextlib.suppress(BrokenPipeError):
            self.orders.close()
        try:
            self.process.wait(KEEPER_GRACE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.listener.join()

    def _send(self, order: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # gone or closed: _listen notes it
            self.orders.write(json.dumps(order).encode() + b"\n")
            self.orders.flush()

    def _listen(self) -> None:
        with cast("IO[bytes]", self.process.stdout) as events:
            for line in events:
                event = json.loads(line)
                child = self.children[event["name"]]
                with self.changed:
                    child.pid = event.get("pid", child.pid)
                    child.error = event.get("error")
                    child.status = event.get("status", 1 if child.error else None)
                    self.changed.notify_all()
                if child.status is not None:
                    self.on_end(child)
        status = self.process.wait()
        with self.changed:
            self.status = status
            for child in self.children.values():
                if child.status is None:
                    # Where the kernel does not tell the children that the keeper ended, this does.
                    if sys.platform != "linux" and child.pid is not None:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(child.pid, child.order.stop_signal)
                    child.status = -int(signal.SIGKILL)
                    self.on_end(child)
            self.changed.notify_all()
