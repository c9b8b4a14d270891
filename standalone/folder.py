"""The data folder: its lock, the user that the stores run as, and where they keep their data.

.standalone/lock            held by the running system, its stores included
.standalone/postgres.log    and valkey.log
.standalone/postgres/       Postgres's data
.standalone/valkey/         Valkey's data
.standalone/run/            the sockets; a link if the path is too long for a socket
.standalone/elsewhere       if the user of the stores cannot reach this folder, as in root's
                            home: a link to the one that has the last three
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals
from typing import Any

from standalone.child import Child, open_file, start

UNPRIVILEGED = "nobody"
ELSEWHERE = Path("/var/lib/vote-standalone")
SHORT_FOLDER = "/tmp"  # noqa: S108 (a new folder of mode 0700 is made in it)
SHORT_PREFIX = "vote-"
MAX_SOCKET_FOLDER = 80  # bytes; the path of a socket has at most 103 on macOS, 107 on Linux
LOCK_TIMEOUT = 5.0  # seconds that an earlier run may take to end
DATA = ("postgres", "valkey")


class FolderError(Exception):
    """The data folder cannot be used. The text says why and how to fix it."""


@dataclass(frozen=True)
class DataFolder:
    """A data folder that this process has locked."""

    path: Path
    base: Path  # the folder for what belongs to the stores
    sockets: Path
    user: pwd.struct_passwd | None  # the user that the stores run as; None: as this process
    lock: int  # file descriptor

    def make(self, path: Path) -> Path:
        """Make a folder that only the stores' user can enter."""
        path.mkdir(mode=0o700)
        _give(path, self.user)
        return path

    def start(
        self, name: str, command: Sequence[str | Path], stop_signal: Signals = SIGTERM
    ) -> Child:
        """Start a program as the stores' user. While it runs, the data folder stays locked."""
        return start(
            name,
            command,
            log=self.path / f"{name}.log",
            stop_signal=stop_signal,
            env={"TZ": "UTC"},
            cwd="/",
            pass_fds=[self.lock],
            **_as_user(self.user),
        )


@contextlib.contextmanager
def opened(path: Path, *, fresh: bool = False) -> Iterator[DataFolder]:
    """Make or lock the data folder.

    Args:
        path: The folder.
        fresh: Delete all votes that it keeps.

    Raises:
        FolderError: It is in use, or this user cannot use it.
    """
    path = path.resolve()
    with contextlib.ExitStack() as held:
        try:
            user = _store_user(path)
            if not path.exists():
                path.mkdir(parents=True)
                if user is not None and path.parent.stat().st_uid == user.pw_uid:
                    _give(path, user)
            lock = _lock(path)
            held.callback(os.close, lock)
            base = _base(path, user)
            for name in DATA:
                _delete(base / name, keep=not fresh)
            held.callback(_remove_sockets, base)
            folder = DataFolder(path, base, _make_sockets(base, user), user, lock)
        except OSError as error:
            raise FolderError(
                f"{error.filename or path}: {error.strerror or error}:"
                " run as the user who made the data, or name another folder with --data"
            ) from None
        yield folder


def remove(path: Path) -> None:
    """Delete the data folder and all votes in it.

    Raises:
        FolderError: It is in use, or this user cannot delete it.
    """
    if not path.exists():
        return
    with opened(path, fresh=True) as folder:
        if folder.base != folder.path:
            shutil.rmtree(folder.base)
    shutil.rmtree(path)


def can_reach(user: pwd.struct_passwd | None, path: Path) -> bool:
    """Return whether the user may enter this folder or run this program."""
    if user is None:
        return True
    command = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
    tested = subprocess.run(command, check=False, cwd="/", **_as_user(user))  # noqa: S603
    return tested.returncode == 0


def _store_user(path: Path) -> pwd.struct_passwd | None:
    """Return the user to run the stores as, because Postgres refuses to run as root."""
    if os.geteuid() != 0:
        return None
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    owner = nearest.stat().st_uid
    try:
        return pwd.getpwuid(owner) if owner else pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise FolderError(
            f"{nearest} belongs to user {owner}, and Postgres cannot run as that user:"
            " run as an ordinary user"
        ) from None


def _as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _give(path: Path, user: pwd.struct_passwd | None) -> None:
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _lock(path: Path) -> int:
    lock = open_file(path / "lock")
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                raise FolderError(
                    f"{path} is in use by another run:"
                    " stop that one, or name another folder with --data"
                ) from None
            time.sleep(0.05)


def _base(path: Path, user: pwd.struct_passwd | None) -> Path:
    link = path / "elsewhere"
    if link.is_symlink():
        return link.resolve(strict=True)
    if can_reach(user, path):
        return path
    ELSEWHERE.mkdir(parents=True, exist_ok=True)
    ELSEWHERE.chmod(0o755)
    base = Path(tempfile.mkdtemp(prefix="", dir=ELSEWHERE))
    base.chmod(0o755)
    link.symlink_to(base)
    return base


def _delete(path: Path, *, keep: bool) -> None:
    """Delete data so that an interrupted deletion leaves nothing that looks like data."""
    removed = path.with_name(f"{path.name}.removed")
    if removed.exists():
        shutil.rmtree(removed)
    if path.exists() and not keep:
        path.rename(removed)
        shutil.rmtree(removed)


def _make_sockets(base: Path, user: pwd.struct_passwd | None) -> Path:
    _remove_sockets(base)  # of a run that was killed
    run = base / "run"
    # asyncpg takes a comma for a list of hosts.
    if len(os.fsencode(run)) <= MAX_SOCKET_FOLDER and "," not in str(run):
        run.mkdir(mode=0o700)
        folder = run
    else:
        folder = Path(tempfile.mkdtemp(prefix=SHORT_PREFIX, dir=SHORT_FOLDER))
        run.symlink_to(folder)
    _give(folder, user)
    return folder


def _remove_sockets(base: Path) -> None:
    run = base / "run"
    if run.is_symlink():
        if run.readlink().match(f"{SHORT_FOLDER}/{SHORT_PREFIX}*"):
            shutil.rmtree(run.readlink(), ignore_errors=True)
        run.unlink()
    elif run.exists():
        shutil.rmtree(run)
