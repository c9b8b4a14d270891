"""A temporary folder that every user may enter."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def opened(prefix: str = "vote test ") -> Iterator[Path]:
    """Yield a new folder, by default with a space in its path, and delete it at the end.

    If root runs the tests, the stores run as another user, who cannot enter pytest's folders.
    """
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        path.chmod(0o711)
        yield path
    finally:
        shutil.rmtree(path)
