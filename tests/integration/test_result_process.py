"""Result as a process: the end, the start, and what it says when it cannot."""

import asyncio
import contextlib
import json
import time
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import websockets

from tests import service, store, until
from tests.integration import listener

STOP_WITHIN = 10.0  # seconds


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_told_to_stop_with_browsers_connected_it_ends_in_time(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection, transport: str
) -> None:
    result = await services.ready("result", **stores.environment)
    async with contextlib.AsyncExitStack() as browsers:
        for _ in range(5):
            browser = await browsers.enter_async_context(
                listener.opened(result.url, ("scores",), transport)
            )
            await browser.sees(a=0, b=0)
        started = time.monotonic()
        assert await result.terminate() == 0
        assert time.monotonic() - started < STOP_WITHIN


async def test_what_strangers_send_does_not_fill_the_log(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    result = await services.ready("result", LOG_FORMAT="json", **stores.environment)

    def said() -> list[dict[str, str]]:
        lines = map(json.loads, result.log.splitlines())
        return [each for each in lines if each["logger"] not in ("postgres", "redis")]

    before = said()
    url = result.url.replace("http", "ws") + "/socket.io/?EIO=4&transport=websocket"
    async with websockets.connect(url) as stranger:
        await stranger.send("40")
        for _ in range(20):
            await stranger.send('42{"no":"event"}')
        with contextlib.suppress(websockets.ConnectionClosed):
            async with asyncio.timeout(5):
                while not str(await stranger.recv()).startswith("42"):
                    pass
    assert said() == before
    for _ in range(3):
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(url, origin=websockets.Origin("http://elsewhere"))
    (told,) = said()[len(before) :]
    assert "a page of another host is refused" in told["event"]
    assert told["origin"] == "http://elsewhere"
    assert await result.terminate() == 0
    assert said()


async def test_browsers_come_back_to_a_new_one(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    result = await services.ready("result", **stores.environment)
    browser = listener.Listener(result.url, ("message", "scores"), reconnection=True)
    await browser.client.connect(result.url, transports=["websocket"])
    await browser.sees(a=0, b=0)
    await result.kill()
    await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
    await services.ready("result", **stores.environment | {"PORT": str(result.port)})
    await browser.sees(a=1, b=0)
    await browser.client.disconnect()


async def test_it_starts_before_postgres_and_is_ready_after_it(
    stores: store.Stores, services: service.Services, tables: asyncpg.Connection
) -> None:
    await stores.postgres.stop()
    result = services.start("result", **stores.environment)

    async def serves() -> bool:
        return await result.get("/") == 200

    await until.true(serves, 20, lambda: result.log)
    assert await result.get("/readyz") == 503
    await stores.postgres.start()
    await result.ready()


async def test_a_database_that_is_not_there_ends_it(
    stores: store.Stores, services: service.Services
) -> None:
    url = urlsplit(stores.database_url)
    result = services.start("result", DATABASE_URL=urlunsplit(url._replace(path=f"{url.path}_not")))
    assert await result.ended() == 2
    (line,) = result.log.splitlines()
    assert "_not" in line
    assert "DB_NAME" in line
