"""As which user the servers run. Postgres refuses to be root."""

import contextlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from standalone import problem

UNPRIVILEGED = "nobody"


class AccountError(Exception):
    """There is no user as whom the servers can run."""


@dataclass(frozen=True)
class Account:
    """A user other than the one of this process."""

    uid: int
    gid: int
    name: str


def choose(folder: Path) -> Account | None:
    """The user for servers with their data in `folder`, or None: the user of this process.

    For root it is the owner of the folder or of the nearest one above it that exists, so that an
    ordinary user's clone stays that user's; else "nobody".

    Raises:
        AccountError: this process is root and there is no user "nobody".
    """
    if os.geteuid() != 0:
        return None
    owner = pwd.getpwuid(0)
    for place in (folder, *folder.parents):
        if place.is_dir():
            with contextlib.suppress(KeyError):  # initdb needs a user with a name
                owner = pwd.getpwuid(place.stat().st_uid)
            break
    if owner.pw_uid == 0:
        try:
            owner = pwd.getpwnam(UNPRIVILEGED)
        except KeyError:
            raise AccountError(
                f"Postgres refuses to run as root, and there is no user {UNPRIVILEGED!r}:"
                " run this as an ordinary user"
            ) from None
    return Account(owner.pw_uid, owner.pw_gid, owner.pw_name)


def can_reach(account: Account | None, path: Path) -> bool:
    """Whether the user may pass every folder above `path`, a path without links, and enter it."""
    if account is None:
        return True
    for place in (path, *path.parents):
        status = place.stat()
        if status.st_uid == account.uid:
            needed = stat.S_IXUSR
        elif status.st_gid == account.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not status.st_mode & needed:
            return False
    return True


def give(account: Account | None, path: Path) -> None:
    """Make the user the owner of `path`, and of that alone."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def make_folder(account: Account | None, path: Path) -> None:
    """Make a folder which that user alone may enter."""
    path.mkdir(mode=0o700)
    give(account, path)


def check_owner(account: Account | None, path: Path) -> None:
    """
    Raises:
        problem.FolderError: `path` belongs to somebody else.
    """
    owner = path.lstat().st_uid
    if owner != (os.geteuid() if account is None else account.uid):
        raise problem.FolderError(
            f"{path} belongs to another user (number {owner}):"
            " run as that user, remove it, or name another folder with --data"
        )
