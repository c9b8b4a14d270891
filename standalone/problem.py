"""Why a data folder cannot be used."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


class FolderError(Exception):
    """The data folder cannot be used. The text says why and what helps."""


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Tell what the system says about the data folder `path` as `FolderError`."""
    try:
        yield
    except OSError as problem:
        hint = (
            ": run as the user who made it, or name another folder with --data"
            if isinstance(problem, PermissionError)
            else ": name another folder with --data"
        )
        told = f"{problem.filename or path}: {problem.strerror or problem}"
        raise FolderError(f"{told}{hint}") from problem
