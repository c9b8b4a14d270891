"""Pages that were made a moment ago.

In a rush most are the same as one before, and to make one takes several times what all the rest
of its answer does; see bench/README.md.
"""

import gzip
import time
import typing
from collections.abc import Callable, Hashable

LIFE = 0.1  # seconds: a page tells the browser what time it is here
MOST = 200  # pages; the address that a request names is in them
LEVEL = 5  # of gzip: a twentieth larger than by the highest one, in half the time


class Made(typing.NamedTuple):
    """A page, as it is and compressed."""

    html: bytes
    gzipped: bytes


class Pages:
    """Keeps pages for `LIFE` seconds."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Made] = {}
        self._until = 0.0

    def get(self, key: Hashable, make: Callable[[], str]) -> Made:
        """The page that `make` makes, which is the same for the same `key`."""
        now = time.monotonic()
        if now > self._until or len(self._made) >= MOST:
            self._made.clear()
            self._until = now + LIFE
        made = self._made.get(key)
        if made is None:
            html = make().encode()
            made = self._made[key] = Made(html, gzip.compress(html, LEVEL, mtime=0))
        return made
