"""Another place for what the servers own, where their user cannot reach the data folder."""

import contextlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from standalone import account, problem

LINK = "elsewhere"  # in the data folder
NAME = "vote-standalone"
PLACES = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - the owner is checked


def base(path: Path, user: account.Account | None) -> Path:
    """The folder for what the servers own: the data folder, or one which their user can reach."""
    link = path / LINK
    if link.is_symlink():
        found = link.readlink()
        if not found.is_dir():
            raise problem.FolderError(f"{link} leads to {found}, which is gone: remove {link}")
        return found
    if user is None or account.can_reach(user, path):
        return path
    for place in PLACES:
        above = place / NAME
        try:
            above.mkdir()
            above.chmod(0o711)  # whatever the umask
        except FileExistsError:
            pass
        except OSError:  # read-only, for example
            continue
        status = above.lstat()
        others_write = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISDIR(status.st_mode) or others_write or status.st_uid != os.geteuid():
            continue
        if account.can_reach(user, above):
            found = Path(tempfile.mkdtemp(prefix="", dir=above))
            found.chmod(0o711)
            link.symlink_to(found)
            return found
    raise problem.FolderError(
        f"the user {user.name}, as whom Postgres must run, can reach neither {path} nor "
        + " nor ".join(str(place / NAME) for place in PLACES)
        + ": name a folder that every user may pass with --data"
    )


def remove(found: Path) -> None:
    """Delete a folder that `base` made."""
    if found.parent.name == NAME:
        shutil.rmtree(found, ignore_errors=True)
        with contextlib.suppress(OSError):  # other data folders have something there
            found.parent.rmdir()
