"""Serving until the process is asked to stop."""

import asyncio
import signal
import socket
import sys

import aiohttp
import pytest

from common import __version__
from tests import service, until

PROGRAM = """
import asyncio, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from common.server import serve
from common.settings import ServiceSettings, load

async def quick(_): return PlainTextResponse("ok")

async def slow(_):
    print("asked", flush=True)
    await asyncio.sleep(1)
    return PlainTextResponse("done")

app = Starlette(routes=[Route("/", quick), Route("/slow", slow)])
serve(lambda _: app, load(ServiceSettings), name="test")
"""


async def start(port: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PROGRAM,
        cwd="/",
        env={"PYTHONPATH": str(service.ROOT), "HOST": "127.0.0.1", "PORT": str(port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_lets_requests_finish_and_ends_with_status_0(number: signal.Signals) -> None:
    port = service.free_port()
    process = await start(port)
    assert process.stdout is not None
    await until.true(lambda: listens(port))
    async with aiohttp.ClientSession() as client:
        answer = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/slow"))
        assert await process.stdout.readline() == b"asked\n"
        process.send_signal(number)
        assert await (await answer).text() == "done"
    assert await process.wait() == 0


async def test_request_that_is_not_http_gets_400_and_no_line_in_the_log() -> None:
    port = service.free_port()
    process = await start(port)
    await until.true(lambda: listens(port))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"nonsense\r\n\r\n")
    assert (await reader.readline()).startswith(b"HTTP/1.1 400")
    writer.close()
    process.terminate()
    assert process.stderr is not None
    (first_line,) = (await process.stderr.read()).decode().splitlines()
    assert f"127.0.0.1:{port}" in first_line
    assert __version__ in first_line
    assert await process.wait() == 0


async def test_taken_port_is_one_line_and_status_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = await start(port)
        _, text = await process.communicate()
    assert process.returncode == 2
    (line,) = text.decode().splitlines()
    assert f"PORT {port}" in line
