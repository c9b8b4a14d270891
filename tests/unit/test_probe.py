"""`python -m common.probe`: the health check of a container."""

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from starlette import applications, responses, routing

from common import probe
from tests import served, service


@contextlib.contextmanager
def silent() -> Iterator[str]:
    """The URL of a server that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


async def test_healthy_is_what_answers_200() -> None:
    routes = [
        routing.Route("/healthz", responses.PlainTextResponse("ok")),
        routing.Route("/readyz", responses.PlainTextResponse("no", 503)),
    ]
    async with served.opened(applications.Starlette(routes=routes), ready=False) as url:
        assert await asyncio.to_thread(probe.problem, f"{url}/healthz") is None
        told = await asyncio.to_thread(probe.problem, f"{url}/readyz")
        assert told == f"{url}/readyz answered 503 Service Unavailable"
        told = await asyncio.to_thread(probe.problem, f"{url}/")
        assert told == f"{url}/ answered 404 Not Found"


def test_no_answer() -> None:
    with silent() as url:
        assert probe.problem(url, 0.1) == f"{url} did not answer within 0.1 seconds"
    told = probe.problem(url)
    assert told
    assert told.startswith(f"{url} did not answer: ")


@pytest.mark.parametrize("url", ["localhost:8080", "https://h/", "http://", "http://h:x/", ""])
def test_no_url(url: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        probe.problem(url)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "common.probe", *arguments],
        check=False,
        capture_output=True,
        cwd=service.ROOT,
        text=True,
    )


def test_the_exit_status() -> None:
    with silent() as url:
        pass  # closed again
    ended = run(url)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert run("nonsense").returncode == 2
