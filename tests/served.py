"""An ASGI app behind the server that the services use, in the process of the tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
from starlette import types

from common import server
from tests import until


@contextlib.asynccontextmanager
async def opened(app: types.ASGIApp, *, ready: bool = True) -> AsyncIterator[str]:
    """The URL of `app`, which is served while the block runs; `ready`: once it says so."""
    listening = server.bind("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    stop = asyncio.Event()
    serving = asyncio.create_task(server.serve(app, listening, stop, grace=1))
    try:
        async with aiohttp.ClientSession() as client:

            async def is_ready() -> bool:
                async with client.get(f"{url}/readyz") as answer:
                    return answer.status == 200 or not ready

            await until.true(is_ready)
        yield url
    finally:
        stop.set()
        await serving
