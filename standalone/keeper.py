"""The keeper: a small process that runs child processes, and stops them when its owner is gone.

It is started as a script by `standalone.child` and uses the standard library alone. It takes orders
on standard input and tells events on standard output, each a JSON object in a line:

    {"do": "start", "name": "valkey", "argv": [...], "log": "...", ...}
    {"do": "signal", "name": "valkey", "signal": 15}

    {"name": "valkey", "pid": 4711}
    {"name": "valkey", "error": "why it could not be started"}
    {"name": "valkey", "status": 0}             as subprocess.Popen.returncode

When standard input ends, be it by a close, a crash or `kill -9`, every child gets its stop signal,
and SIGKILL when its grace is over. If the keeper itself is killed, the kernel sends the stop signal
(on Linux). At its end it removes the folder which its argument names, if that is empty.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PR_SET_PDEATHSIG = 1  # prctl(2): the signal that this process gets when its parent ends


@dataclass
class Kept:
    """One child and how it wants to be stopped."""

    process: subprocess.Popen[bytes]
    stop_signal: int
    grace: float  # seconds between the stop signal and SIGKILL


def follow_parent(number: int) -> Callable[[], None] | None:
    """What a child runs before its program, to get signal `number` when this process ends."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    keeper = os.getpid()

    def before_exec() -> None:
        # Popen changes the user before it calls this; a change afterwards would clear the setting.
        prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != keeper:  # it ended before the setting was made
            os._exit(1)

    return before_exec


def say(**event: object) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more: standard input tells the same
        os.write(1, json.dumps(event).encode() + b"\n")


def start(order: dict[str, Any]) -> Kept:
    """Start one child as ordered.

    Raises:
        OSError: the program or the log cannot be opened.
        subprocess.SubprocessError: the change of user was refused.
    """
    stop_signal = int(order["stop_signal"])
    log = os.open(
        order["log"],
        os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC,
        0o600,
    )
    try:
        process = subprocess.Popen(  # noqa: S603 - the owner says what
            order["argv"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=order["folder"],
            env=order["environment"],
            user=order["uid"],
            group=order["gid"],
            extra_groups=None if order["uid"] is None else [],
            pass_fds=order["pass_fds"],
            preexec_fn=follow_parent(stop_signal),
        )
    finally:
        os.close(log)
    return Kept(process, stop_signal, float(order["grace"]))


def reap(kept: dict[str, Kept]) -> None:
    for name in list(kept):
        status = kept[name].process.poll()
        if status is not None:
            del kept[name]
            say(name=name, status=status)


def obey(order: dict[str, Any], kept: dict[str, Kept]) -> None:
    name = order["name"]
    if order["do"] == "signal":
        if name in kept:
            kept[name].process.send_signal(order["signal"])
        return
    try:
        kept[name] = start(order)
    except (OSError, subprocess.SubprocessError) as problem:
        say(name=name, error=str(problem))
    else:
        say(name=name, pid=kept[name].process.pid)


def stop_all(kept: dict[str, Kept], wakeup: int) -> None:
    began = time.monotonic()
    for child in kept.values():
        child.process.send_signal(child.stop_signal)
        child.process.send_signal(signal.SIGCONT)  # a stopped process would not notice
    while kept:
        reap(kept)
        left = [child.grace - (time.monotonic() - began) for child in kept.values()]
        for child, seconds in zip(list(kept.values()), left, strict=True):
            if seconds <= 0:
                child.process.kill()
        if kept:
            select.select([wakeup], [], [], max(0.01, min(left)))
            drain(wakeup)


def drain(wakeup: int) -> None:
    with contextlib.suppress(BlockingIOError):
        os.read(wakeup, 65536)


def main() -> None:
    kept: dict[str, Kept] = {}
    wakeup, wakeup_write = os.pipe()
    os.set_blocking(wakeup, False)
    os.set_blocking(wakeup_write, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    ended = False

    def end(number: int, frame: object) -> None:
        nonlocal ended
        ended = True

    # Ctrl-C is the owner's affair. Not SIG_IGN, for the children would inherit that.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda number, frame: None)
    signal.signal(signal.SIGTERM, end)

    pending = b""
    while not ended:
        readable, _, _ = select.select([0, wakeup], [], [])
        if wakeup in readable:
            drain(wakeup)
        if 0 in readable:
            received = os.read(0, 65536)
            ended = ended or not received
            *lines, pending = (pending + received).split(b"\n")
            for line in lines:
                obey(json.loads(line), kept)
        reap(kept)
    stop_all(kept, wakeup)
    for folder in sys.argv[1:]:
        with contextlib.suppress(OSError):
            os.rmdir(folder)  # noqa: PTH106 - pathlib is not needed otherwise


if __name__ == "__main__":
    main()
