"""A temporary folder that every user may pass."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

EVERYBODY = 0o711


@contextlib.contextmanager
def opened(prefix: str = "vote test ") -> Iterator[Path]:
    """A new folder, by default with a space in its path, deleted at the end.

    For root the servers run as another user, who could not pass pytest's folders.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        path.chmod(EVERYBODY)
        yield path
    finally:
        shutil.rmtree(path)
