"""Deletion of what a data folder keeps, such that what a kill leaves is never taken for data."""

import os
import shutil
from pathlib import Path

KEPT = ("postgres", "valkey")
SUFFIX = ".removed"  # of what is on its way out


def remove(base: Path) -> None:
    """Delete the stores' data. Once they have their new names, `finish` can do the rest later."""
    finish(base)
    for name in KEPT:
        if os.path.lexists(base / name):
            (base / name).rename(base / f"{name}{SUFFIX}")
    finish(base)


def finish(base: Path) -> None:
    """Delete what an earlier `remove` had no time for. What a link leads to stays."""
    for name in KEPT:
        leaving = base / f"{name}{SUFFIX}"
        if leaving.is_symlink():
            leaving.unlink()
        elif leaving.exists():
            shutil.rmtree(leaving)
