"""Result as a process: start, end and log."""

import contextlib
import json
import time

import asyncpg
from websockets import ConnectionClosed
from websockets.asyncio.client import connect

from tests import service, store
from tests.integration import listener

STOP_WITHIN = 10.0  # seconds


async def test_sigterm_ends_it_in_time_while_browsers_are_connected(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    result = await services.ready("result", **stores.environment)
    async with contextlib.AsyncExitStack() as browsers:
        for transport in ("websocket", "websocket", "polling", "polling"):
            browser = await browsers.enter_async_context(
                listener.opened(result.url, ("scores",), transport)
            )
            await browser.sees(a=0, b=0)
        started = time.monotonic()
        assert await result.terminate() == 0
        assert time.monotonic() - started < STOP_WITHIN


async def test_strangers_do_not_fill_the_log(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    result = await services.ready("result", LOG_FORMAT="json", **stores.environment)
    url = result.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    for nonsense in ('42{"no":"event"}', "x", "9"):
        async with connect(url) as stranger:
            await stranger.send("40")
            with contextlib.suppress(ConnectionClosed):
                for _ in range(20):
                    await stranger.send(nonsense)
    for _ in range(20):
        await result.get("/socket.io/?EIO=3&transport=none&sid=unknown")
    assert await result.terminate() == 0
    first, *entries = [json.loads(line) for line in result.log.splitlines()]
    assert first["version"]
    assert first["address"] == f"127.0.0.1:{result.port}"
    assert not [each for each in entries if each["logger"] not in ("postgres", "redis")]
