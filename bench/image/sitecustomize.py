"""Hide packages of the development environment that the images of the services do not have.

Libraries import them where they are installed, which takes time and memory.
"""

import sys

for name in ("aiohttp", "greenlet", "requests", "valkey"):
    sys.modules[name] = None  # type: ignore[assignment]  # an import raises ModuleNotFoundError
