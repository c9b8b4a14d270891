"""Packages that python-socketio imports where they are installed, for uses that nobody has here.

They are in no image. Where they are installed, as for the tests, they would take a quarter of the
time until a process answers, and a fifth of its memory.
"""

import sys

NAMES = ("aiohttp", "requests", "valkey")


def hide() -> None:
    """From now on they are not to be found, unless they are imported already."""
    for name in NAMES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: not to be found
