"""Deletion of what a data folder keeps, such that what a kill leaves is never taken for data."""

import os
import shutil
from pathlib import Path

KEPT = ("postgres", "valkey")
SUFFIX = ".removed"  # of what is on its way out


def remove(base: Path) -> None:
    """Delete the stores' data. Once one has its new name, `finish` can do the rest later."""
    finish(base)
    _rename(base)
    finish(base)


def finish(base: Path) -> None:
    """Do what an earlier `remove` had no time for. What a link leads to stays."""
    leaving = [_leaving(base, name) for name in KEPT]
    if any(map(os.path.lexists, leaving)):
        _rename(base)
    for each in leaving:
        if each.is_symlink():
            each.unlink()
        elif each.exists():
            shutil.rmtree(each)


def _rename(base: Path) -> None:
    for name in KEPT:
        if os.path.lexists(base / name) and not os.path.lexists(_leaving(base, name)):
            (base / name).rename(_leaving(base, name))


def _leaving(base: Path, name: str) -> Path:
    return base / f"{name}{SUFFIX}"
