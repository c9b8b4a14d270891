"""One browser at the result page: it hears the scores, and when."""

import asyncio
import contextlib
import json
import time
import typing
from collections.abc import AsyncIterator, Callable

from websockets.asyncio import client

HEAR_TIMEOUT = 10.0  # seconds


class Browser:
    """A Socket.IO client over WebSocket."""

    def __init__(self, connection: client.ClientConnection) -> None:
        self._connection = connection

    async def hears(self, condition: Callable[[dict[str, int]], bool]) -> float:
        """When it heard scores for which `condition` is true (s, monotonic)."""
        async with asyncio.timeout(HEAR_TIMEOUT):
            while True:
                message = typing.cast("str", await self._connection.recv())
                heard = time.monotonic()
                if message == "2":
                    await self._connection.send("3")
                elif message.startswith('42["scores"') and condition(
                    json.loads(json.loads(message[2:])[1])
                ):
                    return heard


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Browser]:
    """A browser that is connected to the result service at `url`."""
    address = f"ws{url.removeprefix('http')}/socket.io/?EIO=4&transport=websocket"
    async with client.connect(address, compression=None) as connection:
        await connection.send("40")
        yield Browser(connection)
