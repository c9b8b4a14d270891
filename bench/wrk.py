"""The load: wrk, a generator in C, so that the load is not what is measured."""

import asyncio
import json
import shutil
import typing
from pathlib import Path

from bench import request

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
    sent: request.Request,
    *,
    connections: int,
    seconds: float,
    delay_ms: int = 0,
    close: bool = False,
) -> Load:
    """Sends it to the service at `url` on so many connections, each some `delay_ms` after its last
    answer.

    `close`: each request on a connection of its own. Raises RuntimeError when wrk fails.
    """
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}", "-s", SCRIPT),
        *(("-H", "connection: close") if close else ()),
        *(f"{url}/{sent.path}", "--", str(delay_ms), sent.media_type, sent.body, *sent.cookies),
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
