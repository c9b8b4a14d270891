"""Locks on files, which end with the last process that holds them open."""

import fcntl
import os
import time
from pathlib import Path

POLL = 0.05  # seconds between two tries
MODE = 0o600


class LockedError(Exception):
    """Another process holds the lock. Its text is what that process wrote into the file."""


def take(path: Path, owner: tuple[int, int], timeout: float, note: str = "") -> int:
    """Lock the file, made if it is missing, and return its descriptor.

    `owner`: user and group for the file, for root alone. `timeout`: seconds to wait for the lock.

    Raises:
        LockedError: it was not free in time.
        OSError: the file cannot be opened by this user.
    """
    descriptor = opened(path, owner)
    try:
        deadline = time.monotonic() + timeout
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                raise LockedError(os.pread(descriptor, 200, 0).decode(errors="replace").strip())
            time.sleep(POLL)
        if note:
            os.truncate(descriptor, 0)
            os.write(descriptor, f"{note}\n".encode())
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def opened(path: Path, owner: tuple[int, int]) -> int:
    """Open the file for reading and writing, made if it is missing, and return its descriptor.

    Raises:
        OSError: it cannot be opened by this user.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, MODE)
    if os.geteuid() == 0:
        os.fchown(descriptor, *owner)
    return descriptor


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
