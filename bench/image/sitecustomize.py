"""Hide packages of the development environment that services in the images do not import.

Libraries import them where they are installed, which takes time and memory.
"""

import sys

for name in ("aiohttp", "greenlet", "opentelemetry.sdk", "requests", "valkey"):
    sys.modules[name] = None  # type: ignore[assignment]  # an import raises ModuleNotFoundError
