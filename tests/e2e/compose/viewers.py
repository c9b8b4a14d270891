"""Viewers of the result page: Socket.IO clients that use a WebSocket, as browsers do."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

Viewer = aiohttp.ClientWebSocketResponse


async def connect(client: aiohttp.ClientSession, url: str) -> Viewer:
    viewer = await client.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket")
    await viewer.send_str("40")
    await next_total(viewer)
    return viewer


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Viewer]:
    async with aiohttp.ClientSession() as client:
        yield await connect(client, url)


async def next_total(viewer: Viewer) -> int:
    """Return the number of votes in the next scores that arrive."""
    while True:
        text = await viewer.receive_str()
        if text == "2":  # a ping
            await viewer.send_str("3")
        elif text.startswith('42["scores"'):
            return sum(json.loads(json.loads(text[2:])[1]).values())


async def sees(viewer: Viewer, total: int, within: float = 20.0) -> None:
    """Wait until the viewer has received that number of votes."""
    async with asyncio.timeout(within):
        while await next_total(viewer) != total:
            pass
