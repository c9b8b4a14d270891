"""An ASGI app behind uvicorn, in the process of the tests."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import aiohttp
import uvicorn
from starlette.types import ASGIApp

from tests import until


@contextlib.asynccontextmanager
async def opened(app: ASGIApp, *, ready: bool = True) -> AsyncIterator[str]:
    """Serve `app` while the block runs, and yield its URL; `ready`: once /readyz answers 200."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            ws="websockets-sansio",
            ws_max_size=16 * 1024,
            ws_per_message_deflate=False,
            lifespan="on",
            log_config=None,
            timeout_graceful_shutdown=1,
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = asyncio.create_task(server.serve(sockets=[listening]))

        async def is_ready() -> bool:
            assert not serving.done(), "the app did not start"
            if not ready:
                return server.started
            async with aiohttp.ClientSession() as client, client.get(f"{url}/readyz") as answer:
                return answer.status == 200

        try:
            await until.true(is_ready)
            yield url
        finally:
            server.should_exit = True
            await serving
