"""From a commit in Postgres to a browser, next to a bare listener on the same channel."""

import asyncio
import json
import time

import aiohttp
import asyncpg

from bench.row import Row, percentile
from bench.system import System
from standalone.child import stop

PAUSE = 0.08  # seconds between two commits; result sends at most 20 updates per second
TIMEOUT = 10.0  # seconds
FILL = """
INSERT INTO votes (id, vote)
SELECT md5(number::text), 'b' FROM generate_series(1, $1::bigint) AS number
"""
INSERT = "INSERT INTO votes (id, vote) VALUES (gen_random_uuid()::text, 'a')"


async def measure(system: System) -> list[Row]:
    """Measure with few and with many voters: the size of the table must not matter."""
    return [
        *await _measure(system, 1_000),
        *await _measure(system, system.size(5_000_000, 20_000)),
    ]


async def _measure(system: System, voters: int) -> list[Row]:
    connection = await asyncpg.connect(system.database_url)
    await connection.execute("TRUNCATE votes")
    await connection.execute(FILL, voters)
    await connection.execute("VACUUM (ANALYZE) votes")
    await connection.execute("CHECKPOINT")
    await connection.execute("SET synchronous_commit = off")  # the disk is not what is measured
    notified: asyncio.Queue[float] = asyncio.Queue()
    listener = await asyncpg.connect(system.database_url)
    await listener.add_listener("tallies", lambda *_: notified.put_nowait(time.monotonic()))
    result = await system.ready("result")
    ours, limit = [], []
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(f"{result.url}/socket.io/?EIO=4&transport=websocket") as browser,
    ):
        await browser.receive_str()
        await browser.send_str("40")
        await _scores(browser, 0)
        for number in range(1, 1 + system.size(300, 20)):
            await asyncio.sleep(PAUSE)
            began = time.monotonic()
            await connection.execute(INSERT)
            ours.append((await _scores(browser, number) - began) * 1000)
            limit.append((await notified.get() - began) * 1000)
    stop([result.child])
    await listener.close()
    await connection.close()
    return [
        Row(
            f"commit to browser, {voters:,} voters: p{share}",
            "ms",
            percentile(ours, share),
            percentile(limit, share),
            "bare listener",
            max_value=goal,
        )
        for share, goal in ((50, 3), (99, 50))
    ]


async def _scores(browser: aiohttp.ClientWebSocketResponse, votes: int) -> float:
    """Wait until option a has so many votes, and return when (seconds, monotonic)."""
    while True:
        message = await browser.receive_str(timeout=TIMEOUT)
        heard = time.monotonic()
        if message == "2":  # Engine.IO's ping
            await browser.send_str("3")
        elif message.startswith('42["scores"'):
            scores = json.loads(json.loads(message[2:])[1])
            if scores["a"] == votes:
                return heard
