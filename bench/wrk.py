"""The load: wrk, a generator in C, so that the load is not what is measured."""

import asyncio
import json
import shutil
import typing
from pathlib import Path

SCRIPT = Path(__file__).parent / "lua" / "vote.lua"


class Missing(Exception):  # noqa: N818 (a state)
    """wrk is not installed."""


class Load(typing.NamedTuple):
    """What wrk saw. `rate` in answers a second, latencies in ms."""

    answers: int
    rate: float
    p50: float
    p99: float
    errors: int


def check() -> None:
    """Raises `Missing`."""
    if shutil.which("wrk") is None:
        raise Missing(
            "wrk is not installed, which makes the load: apt-get install wrk (Debian, Ubuntu),"
            " brew install wrk (macOS)"
        )


async def run(
    url: str,
    *,
    connections: int,
    seconds: float,
    option: str = "a",
    delay_ms: int = 0,
    close: bool = False,
) -> Load:
    """Votes at `url` on so many connections, each some `delay_ms` after its last answer.

    Without an `option` it asks for the page. `close`: each request on a connection of its own.
    Raises RuntimeError when wrk fails.
    """
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "-s", SCRIPT),
        *(("-H", "connection: close") if close else ()),
        *(url, "--", option, str(delay_ms)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:  # interrupted
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"wrk failed: {output}")
    return Load(**json.loads(output.splitlines()[-1]))
