"""The data folder: its lock, the user that the stores run as, and where they keep their data.

.standalone/lock            held by the running system, its stores included
.standalone/postgres.log    and initdb.log, valkey.log
.standalone/postgres/       Postgres's data
.standalone/valkey/         Valkey's data
.standalone/run/            the sockets, unless they cannot have this path
.standalone/elsewhere       if the user of the stores cannot reach this folder, as in root's
                            home: a link to the one that has the last three
"""

import contextlib
import fcntl
import os
import pwd
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM, Signals

from standalone.child import Child, SetupError, start
from standalone.command import ANOTHER_FOLDER

UNPRIVILEGED = "nobody"
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
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)
        return path

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        stop_signal: Signals = SIGTERM,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a program as the stores' user. While it runs, the data folder stays locked."""
        return start(
            name,
            command,
            log=self.path / f"{name}.log",
            stop_signal=stop_signal,
            env={"TZ": "UTC", **(environment or {})},
            cwd="/",
            pass_fds=[self.lock],
            user=self.user and self.user.pw_uid,
            group=self.user and self.user.pw_gid,
            extra_groups=self.user and [],
        )

    def can_enter(self, path: Path) -> bool:
        """Return whether the stores' user owns a folder, or everyone may enter it."""
        return _can_enter(self.user, path)


@contextlib.contextmanager
def opened(path: Path, *, fresh: bool = False) -> Iterator[DataFolder]:
    """Make or lock the data folder.

    Args:
        path: The folder.
        fresh: Delete all votes that it keeps.

    Raises:
        SetupError: It is in use, or there is no user for the stores.
        OSError: This user cannot use it.
    """
    path = path.resolve()
    path.mkdir(parents=True, exist_ok=True)
    user = _store_user(path)
    with contextlib.ExitStack() as held:
        lock = _lock(path)
        held.callback(os.close, lock)
        base = _base(path, user)
        for name in DATA:
            if fresh and (base / name).exists():
                shutil.rmtree(base / name)
        folder = DataFolder(path, base, _sockets(base), user, lock)
        shutil.rmtree(folder.sockets, ignore_errors=True)  # of a run that was killed
        held.callback(shutil.rmtree, folder.make(folder.sockets), ignore_errors=True)
        yield folder


def remove(path: Path) -> None:
    """Delete the data folder and all votes in it.

    Raises:
        SetupError: It is in use.
        OSError: This user cannot delete it.
    """
    if path.exists():
        with opened(path) as folder:
            shutil.rmtree(folder.base)
        shutil.rmtree(path, ignore_errors=folder.base == folder.path)


def _store_user(path: Path) -> pwd.struct_passwd | None:
    """Return the user to run the stores as, because Postgres refuses to run as root.

    Raises:
        SetupError: This process runs as root, and that user has no name.
    """
    if os.geteuid() != 0:
        return None
    owner = path.stat().st_uid
    try:
        return pwd.getpwuid(owner) if owner else pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise SetupError(
            f"Postgres cannot run as root, and user {owner or UNPRIVILEGED} has no name here:"
            " run this as any user but root (docker run: leave out --user 0)"
        ) from None


def _can_enter(user: pwd.struct_passwd | None, path: Path) -> bool:
    path = path.resolve()
    is_open = all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))
    return user is None or user.pw_uid == path.stat().st_uid or is_open


def _lock(path: Path) -> int:
    lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise SetupError(
                    f"{path} is in use by another run: stop that one, or choose {ANOTHER_FOLDER}"
                ) from None
            time.sleep(0.05)


def _base(path: Path, user: pwd.struct_passwd | None) -> Path:
    link = path / "elsewhere"
    if link.is_symlink():
        return link.resolve(strict=True)
    if _can_enter(user, path):
        return path
    base = Path(tempfile.mkdtemp(prefix="vote-standalone-", dir="/var/lib"))
    base.chmod(0o755)
    link.symlink_to(base)
    return base


def _sockets(base: Path) -> Path:
    """Return a folder whose path Postgres and its clients accept: short, and without separators."""
    path = base / "run"
    if len(os.fsencode(path)) > MAX_SOCKET_FOLDER or {",", '"'} & set(str(path)):
        return Path(f"/tmp/vote-{secrets.token_hex(8)}")  # noqa: S108 (a new folder of mode 0700)
    return path
