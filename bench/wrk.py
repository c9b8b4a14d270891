"""The load: wrk, a generator in C, so that it is not what is measured."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_suffix(".lua")


@dataclass(frozen=True)
class Request:
    """A form that is posted again and again, with each of the cookies in turn."""

    accept: str  # the media type of the answer
    form: str
    cookies: Sequence[str] = ()


@dataclass(frozen=True)
class Load:
    """The measurement of wrk."""

    answers: int
    rate: float  # answers per second
    p99: float  # ms


def check() -> None:
    """Exit with a message unless wrk is installed."""
    if shutil.which("wrk") is None:
        raise SystemExit("bench: wrk is not installed: apt-get install wrk, or brew install wrk")


async def run(urls: Sequence[str], request: Request, connections: int, seconds: int) -> Load:
    """Send requests to all servers at the same time.

    Args:
        urls: The servers; each gets a wrk of its own.
        request: What each gets.
        connections: The number of connections to all servers together.
        seconds: How long.

    Raises:
        RuntimeError: A request failed.
    """
    loads = await asyncio.gather(
        *(_run(url, request, connections // len(urls), seconds) for url in urls)
    )
    return Load(
        sum(load.answers for load in loads),
        sum(load.rate for load in loads),
        max(load.p99 for load in loads),
    )


async def _run(url: str, request: Request, connections: int, seconds: int) -> Load:
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-s", SCRIPT, url),
        *("--", request.accept, request.form, *request.cookies),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"wrk failed: {output.decode()}")
    content = json.loads(output.splitlines()[-1])
    if content["errors"]:
        raise RuntimeError(f"{url}: {content['errors']} requests failed")
    return Load(content["answers"], content["rate"], content["p99"])
