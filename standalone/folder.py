"""The data folder: who may use it, where the stores' data really is, and where the sockets are.

.standalone/main.lock       held by the running main process
.standalone/stores.lock     held by the keeper and the servers: free when the last of them is gone
.standalone/postgres.log    and valkey.log
.standalone/postgres/       Postgres's data
.standalone/valkey/         Valkey's data
.standalone/run/            the sockets; a link, where this path is too long for a socket
.standalone/elsewhere       a link to a folder with the last three in it and a copy of the
                            programs, where the servers' user cannot reach this place, as in
                            root's home
.standalone/*.removed       Postgres's or Valkey's data while they are deleted
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from standalone import account, child, elsewhere, lock, problem, removal, socket_folder

# Seconds that an earlier run's servers may take to stop.
STOPPING_TIMEOUT = child.KEEPER_GRACE + 4.0
# Seconds that an earlier run may take to be gone, as when it was just now ended by Ctrl-C.
ENDING_TIMEOUT = 1.0
MAIN_LOCK = "main.lock"
STORES_LOCK = "stores.lock"


@dataclass(frozen=True)
class Folder:
    """The data folder, ready for the servers, with its locks held."""

    path: Path
    base: Path  # where the servers' own folders are: `path`, or elsewhere
    sockets: Path
    user: account.Account | None
    stores_lock: int  # file descriptor, for the servers to hold as well

    @property
    def postgres(self) -> Path:
        return self.base / "postgres"

    @property
    def valkey(self) -> Path:
        return self.base / "valkey"

    @property
    def programs(self) -> Path:
        """Where the programs are copied to, if the user cannot reach the installed ones."""
        return self.base / "programs"

    def log(self, name: str) -> Path:
        return self.path / f"{name}.log"


@contextlib.contextmanager
def opened(path: Path, *, fresh: bool = False) -> Iterator[Folder]:
    """Take the data folder for this process; with `fresh`, delete what was kept.

    Raises:
        problem.FolderError: another process has it, or this user cannot use it.
        account.AccountError: there is no user to run the servers.
    """
    with contextlib.ExitStack() as held:
        with problem.explained(path):
            folder = _open(path.resolve(), fresh, held)
        yield folder


def remove(path: Path) -> None:
    """Delete the data folder, if it is there, and what lies elsewhere for it.

    Raises:
        problem.FolderError: another process has it, or this user cannot delete it.
    """
    with problem.explained(path), contextlib.ExitStack() as held:
        path = path.resolve()
        if not (path / MAIN_LOCK).exists():
            return
        _lock(path, held)
        link = path / elsewhere.LINK
        base = link.readlink() if link.is_symlink() else path
        socket_folder.clear(base / "run", account.choose(path))
        removal.remove(base)
        if base != path:
            elsewhere.remove(base)
        shutil.rmtree(path)


def _open(path: Path, fresh: bool, held: contextlib.ExitStack) -> Folder:
    user = account.choose(path)
    if not path.is_dir():
        path.mkdir(parents=True)
        if user is not None and path.parent.stat().st_uid == user.uid:
            account.give(user, path)
    owner, stores_lock = _lock(path, held)
    base = elsewhere.base(path, user)
    removal.finish(base)
    if fresh:
        removal.remove(base)
    for name in removal.KEPT:
        if (base / name).exists():
            account.check_owner(user, base / name)
        # The keeper opens the logs. If it is root, they must stay writable for the folder's owner.
        os.close(lock.opened(path / f"{name}.log", owner))
    if not (base / "valkey").exists():
        account.make_folder(user, base / "valkey")
    sockets = socket_folder.made(base, user, held)
    return Folder(path, base, sockets, user, stores_lock)


def _lock(path: Path, held: contextlib.ExitStack) -> tuple[tuple[int, int], int]:
    """Take both locks; return user and group of the folder, and the descriptor of stores.lock."""
    status = path.stat()
    owner = status.st_uid, status.st_gid
    try:
        main_lock = lock.take(path / MAIN_LOCK, owner, ENDING_TIMEOUT, f"process {os.getpid()}")
    except lock.LockedError as holder:
        raise problem.FolderError(
            f"it already runs on {path} ({holder}):"
            " stop it first, or name another folder with --data"
        ) from None
    held.callback(os.close, main_lock)
    try:
        stores_lock = lock.take(path / STORES_LOCK, owner, STOPPING_TIMEOUT)
    except lock.LockedError:
        raise problem.FolderError(
            f"servers of an earlier run still run on {path}: stop them first"
        ) from None
    held.callback(os.close, stores_lock)
    return owner, stores_lock
