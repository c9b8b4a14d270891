"""Where the sockets are: their paths must be short, which the data folder's path need not be."""

import contextlib
import shutil
import socket
import tempfile
from pathlib import Path

from standalone import account, postgres

SHORT_PLACE = Path("/tmp")  # noqa: S108 - a new folder of mode 0700 is made in it
SHORT_PREFIX = "vote-"


def made(base: Path, user: account.Account | None, held: contextlib.ExitStack) -> Path:
    """An empty folder for the sockets, with a path that is short enough for them."""
    run = base / "run"
    clear(run, user)
    held.callback(clear, run, user)  # a server that was killed leaves its socket
    if _fits(base):
        account.make_folder(user, run)
        return run
    short = Path(tempfile.mkdtemp(prefix=SHORT_PREFIX))
    if not (_fits(short) and account.can_reach(user, short.parent)):
        short.rmdir()
        short = Path(tempfile.mkdtemp(prefix=SHORT_PREFIX, dir=SHORT_PLACE))
    account.give(user, short)
    run.symlink_to(short)  # so that the next run removes it, if this one cannot
    return short


def clear(run: Path, user: account.Account | None) -> None:
    """Delete what `made` made, now or in an earlier run."""
    if run.is_symlink():
        target = run.readlink()
        if target.name.startswith(SHORT_PREFIX) and target.is_dir() and not target.is_symlink():
            account.check_owner(user, target)
            shutil.rmtree(target)
        run.unlink()
    elif run.exists():
        shutil.rmtree(run)


def _fits(folder: Path) -> bool:
    """Whether a folder in it can have the sockets: their paths must be short (Linux: 107 bytes)."""
    if "," in str(folder):  # asyncpg takes it for a list of hosts
        return False
    probe = folder / ("p" * len(f"run/{postgres.SOCKET}"))
    probe.unlink(missing_ok=True)
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(str(probe))
    except OSError:
        return False
    probe.unlink()
    return True
