"""The data folder: its lock, the user that the stores run as, and where they keep their data.

.standalone/lock            held by the running system, its stores included
.standalone/postgres.log    and initdb.log, valkey.log
.standalone/postgres/       Postgres's data
.standalone/valkey/         Valkey's data
.standalone/run/            the sockets, unless the path is too long for them
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

from standalone.child import Child, SetupError, open_file, start

UNPRIVILEGED = "nobody"
ELSEWHERE = Path("/var/lib/vote-standalone")
SHORT_FOLDER = "/tmp"  # noqa: S108 (a new folder of mode 0700 is made in it)
MAX_SOCKET_FOLDER = 80  # bytes; the path of a socket has at most 103 on macOS, 107 on Linux
LOCK_TIMEOUT = 5.0  # seconds that an earlier run may take to end
DATA = ("postgres", "valkey")


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
        SetupError: It is in use, or there is no user to run the stores as.
        OSError: This user cannot use it.
    """
    path = path.resolve()
    user = _store_user(path)
    if not path.exists():
        path.mkdir(parents=True)
        if user is not None and path.parent.stat().st_uid == user.pw_uid:
            _give(path, user)
    with contextlib.ExitStack() as held:
        lock = _lock(path)
        held.callback(os.close, lock)
        base = _base(path, user)
        for name in DATA:
            _delete(base / name, keep=not fresh)
        sockets = _sockets(base)
        held.callback(shutil.rmtree, sockets, ignore_errors=True)
        _give(sockets, user)
        yield DataFolder(path, base, sockets, user, lock)


def remove(path: Path) -> None:
    """Delete the data folder and all votes in it.

    Raises:
        SetupError: It is in use.
        OSError: This user cannot delete it.
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
    tested = subprocess.run(  # noqa: S603 (a fixed command)
        command, check=False, cwd="/", start_new_session=True, **_as_user(user)
    )
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
        raise SetupError(
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
                raise SetupError(
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


def _sockets(base: Path) -> Path:
    """Make a folder for the sockets, with a path that is short enough for them."""
    run = base / "run"
    shutil.rmtree(run, ignore_errors=True)  # of a run that was killed
    # asyncpg takes a comma for a list of hosts.
    if len(os.fsencode(run)) > MAX_SOCKET_FOLDER or "," in str(run):
        return Path(tempfile.mkdtemp(prefix="vote-", dir=SHORT_FOLDER))
    run.mkdir(mode=0o700)
    return run
