"""What is left out when a service starts, in a process of its own: it holds for all of it."""

import subprocess
import sys

PROGRAM = """
import sys
import requests
from common import unused

unused.skip()
assert sys.modules["requests"] is requests
assert sys.modules["aiohttp"] is None

from fastapi.openapi import models

assert not models.OpenAPI.__pydantic_complete__
info = {"title": "vote", "version": "1"}
assert models.OpenAPI(openapi="3.1.0", info=info, paths={}).info.title == "vote"
"""


def test_what_is_skipped() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
