"""A run that nobody can stop any more: its `make` was killed, or its terminal is gone."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

POLL = 0.5  # seconds between two looks


async def stop(stopping: asyncio.Event) -> None:
    """Sets `stopping` once `make run` has died, or the terminal it was started at has closed.

    A killed make passes no signal on. Nor does one that leads the session of the terminal, as in
    `xterm -e make run`: it alone is told, and waits for what it has started.
    """
    watched = [*_make(), *_terminal()]
    while watched and not stopping.is_set():
        await asyncio.sleep(POLL)
        if any(is_gone() for is_gone in watched):
            stopping.set()


def _make() -> list[Callable[[], bool]]:
    if "MAKELEVEL" not in os.environ:
        return []
    parent = os.getppid()
    return [lambda: os.getppid() != parent]


def _terminal() -> list[Callable[[], bool]]:
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup: it is to go on
        return []
    streams = (sys.__stdin__, sys.__stdout__, sys.__stderr__)
    files = [stream.fileno() for stream in streams if stream is not None]
    controlling = [file for file in files if _is_controlling(file)]
    return [lambda: not _is_controlling(controlling[0])] if controlling else []


def _is_controlling(file: int) -> bool:
    """Whether it is the terminal of this session. That a closed one is no more."""
    try:
        os.tcgetpgrp(file)
    except OSError:
        return False
    return True
