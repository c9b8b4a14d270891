"""Hostile clients against the live channel: `python -m bench.attack`, some minutes for each attack.

It prints what each attack costs the result service: memory, events that other browsers miss, and
the time of the page. Without options it starts a result service for each attack. `--compose`
attacks the system that `docker compose up` has started, through its proxy.
"""

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
import asyncpg
import psutil

from bench import system
from bench.broadcast import INSERT
from bench.system import memory

PATH = "/socket.io/?EIO=4&transport="
SECONDS = 60.0
CLIENTS = 3  # browsers that watch meanwhile
ROWS = 20  # per second
KIB, MIB = 2**10, 2**20
BURST = 50  # messages that are sent at once

# What is allowed.
MAX_GROWTH = 40.0  # MiB
MAX_SECOND_GROWTH = 10.0  # MiB; the allocator keeps some, up to a level
MIN_SCORES = 10.0  # per second
MAX_PAGE = 1.0  # seconds


Attack = Callable[[str], Coroutine[None, None, None]]  # gets the address of the service


class Target(NamedTuple):
    """A result service: its page, its process, and a way to change a row."""

    url: str
    pid: int
    change: Callable[[], Awaitable[object]]


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """Return a frame of a WebSocket client (RFC 6455), masked with zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


async def open_websocket(
    url: str, sid: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Return a WebSocket whose client reads next to nothing."""
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname, parts.port or 80))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    reader, writer = await asyncio.open_connection(sock=connection, limit=4 * KIB)
    writer.write(
        f"GET {PATH}websocket{f'&sid={sid}' if sid else ''} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def flood(url: str, *frames: bytes, first: bytes = b"") -> None:
    """Join, send `first`, then the frames again and again until the server hangs up."""
    reader, writer = await open_websocket(url)
    try:
        await reader.readuntil(b"}")  # the session is open
        writer.write(frame(b"40") + first)
        while True:
            writer.write(b"".join(frames) * BURST)
            async with asyncio.timeout(5):
                await writer.drain()
    finally:
        writer.transport.abort()


async def open_polling(client: aiohttp.ClientSession) -> str:
    """Return the path of a new session that polls."""
    async with client.get(f"{PATH}polling") as answer:
        found = re.search(r'"sid":"([^"]+)"', await answer.text())
    if found is None:  # too many sessions
        await asyncio.sleep(0.05)
        raise OSError("refused")
    return f"{PATH}polling&sid={found[1]}"


async def post(client: aiohttp.ClientSession, path: str, packets: str) -> None:
    """Send packets, and ignore the answer."""
    async with client.post(path, data=packets) as answer:
        await answer.read()


async def attachments(url: str) -> None:
    """An event with attachments, then binary frames."""
    event = b'451-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    await flood(url, frame(bytes(16 * KIB - 1), 2), first=frame(event))


async def namespaces(url: str) -> None:
    """A connect to a namespace of 16 KB, again and again; never reads."""
    await flood(url, frame(b"40/" + b"n" * (16 * KIB - 10)))


async def unknown_namespace(url: str) -> None:
    """`40/foo,` again and again; never reads."""
    await flood(url, frame(b"40/foo,"))


async def pings(url: str) -> None:
    """WebSocket pings of 125 bytes; never reads."""
    await flood(url, frame(bytes(125), 9))


async def silence(url: str) -> None:
    """Answers pings, and reads nothing."""
    reader, writer = await open_websocket(url)
    try:
        await reader.readuntil(b"}")
        writer.write(frame(b"40"))
        while not writer.is_closing():
            writer.write(frame(b"3"))
            await writer.drain()
            await asyncio.sleep(0.01)
    finally:
        writer.transport.abort()


async def races(url: str) -> None:
    """Polling sessions that connect and leave at the same time."""
    async with aiohttp.ClientSession(url) as client:
        path = await open_polling(client)
        async with asyncio.TaskGroup() as group:
            for packets in random.sample(("40", "1"), 2):
                group.create_task(post(client, path, packets))


async def in_one_body(url: str) -> None:
    """Polling sessions that connect and leave in one post, then read."""
    async with aiohttp.ClientSession(url) as client:
        path = await open_polling(client)
        await post(client, path, "40\x1e1")
        async with client.get(path) as answer:
            await answer.read()


async def heads(url: str) -> None:
    """Polling sessions whose requests have long headers, which cost four bytes per letter."""
    headers = {"x-long": "\U0001f408" + "n" * (7 * KIB)}
    async with aiohttp.ClientSession(url, headers=headers) as client:
        await post(client, await open_polling(client), "40")


async def no_polls(url: str) -> None:
    """Polling sessions that connect and answer pings, but never poll."""
    async with aiohttp.ClientSession(url) as client:
        path = await open_polling(client)
        await post(client, path, "40")
        for _ in range(100):
            await post(client, path, "3")
            await asyncio.sleep(0.1)


async def left_polls(url: str) -> None:
    """Polls of one session, each left before its answer."""
    async with aiohttp.ClientSession(url) as client:
        path = await open_polling(client)
        timeout = aiohttp.ClientTimeout(0.01)
        for _ in range(100):
            with contextlib.suppress(TimeoutError):
                async with client.get(path, timeout=timeout) as answer:
                    answer.raise_for_status()


async def half_upgrades(url: str) -> None:
    """Polling sessions that begin to upgrade, and go on polling."""
    async with aiohttp.ClientSession(url) as client:
        path = await open_polling(client)
        await post(client, path, "40")
        _, writer = await open_websocket(url, path.rpartition("=")[2])
        writer.transport.abort()
        for _ in range(20):
            async with client.get(path) as answer:
                await answer.read()
            await post(client, path, "3")


async def nothing(_: str) -> None:
    """Warm up the service."""
    await asyncio.sleep(1)


ATTACKS = (
    attachments, namespaces, unknown_namespace, pings, silence,
    races, in_one_body, heads, no_polls, left_polls, half_upgrades,
)  # fmt: skip
PARALLEL: dict[Attack, int] = {
    races: 20,
    in_one_body: 20,
    heads: 20,
    no_polls: 200,
    left_polls: 20,
    half_upgrades: 20,
    silence: 20,
}


async def repeat(attack: Attack, url: str) -> None:
    """Attack again whenever the server has ended it."""
    while True:
        with contextlib.suppress(
            OSError, TimeoutError, EOFError, ExceptionGroup, aiohttp.ClientError
        ):
            await attack(url)
        await asyncio.sleep(0)


def attack_at_once(attack: Attack, url: str) -> None:
    """Attack with as many clients as this kind of attack has."""

    async def attack_all() -> None:
        await asyncio.gather(*(repeat(attack, url) for _ in range(PARALLEL.get(attack, 1))))

    asyncio.run(attack_all())


@contextlib.contextmanager
def attacking(attack: Attack, url: str) -> Iterator[None]:
    """Attack while the block runs, in another process: it must not slow down the measurement."""
    attacker = multiprocessing.get_context("spawn").Process(
        target=attack_at_once, args=(attack, url)
    )
    attacker.start()
    try:
        yield
    finally:
        attacker.terminate()
        attacker.join()


async def watch(url: str, counts: list[int], index: int) -> None:
    """Count the scores that a browser gets."""
    async with aiohttp.ClientSession(url) as client:
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError):
                async with client.ws_connect(f"{PATH}websocket") as websocket:
                    async for message in websocket:
                        if message.data.startswith("0{"):
                            await websocket.send_str("40")
                        elif message.data == "2":
                            await websocket.send_str("3")
                        counts[index] += message.data.startswith('42["scores"')


async def change_rows(target: Target) -> None:
    """Change rows of the table, `ROWS` times per second."""
    while True:
        began = time.monotonic()
        await target.change()
        await asyncio.sleep(max(0.0, 1 / ROWS - (time.monotonic() - began)))


async def ask_page(url: str, times: list[float]) -> None:
    """Measure how long the page takes."""
    async with aiohttp.ClientSession(url) as client:
        while True:
            began = time.monotonic()
            times.append(0.0)
            try:
                async with client.get("/") as answer:
                    await answer.read()
            finally:  # also when the measurement ends before the answer
                times[-1] = time.monotonic() - began
            await asyncio.sleep(0.5)


async def run_once(
    attack: Attack, target: Target, seconds: float
) -> tuple[float, float, float, float]:
    """Attack once.

    Returns:
        The memory of the service at its peak and afterwards, in MiB, the least events `scores` that
        a browser got per second, and the slowest page, in s.
    """
    counts, times, peak = [0] * CLIENTS, [0.0], 0
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(watch(target.url, counts, n)) for n in range(CLIENTS)]
        tasks += [
            group.create_task(change_rows(target)),
            group.create_task(ask_page(target.url, times)),
        ]
        await asyncio.sleep(2)
        counts[:] = [0] * CLIENTS
        with attacking(attack, target.url):
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                peak = max(peak, memory(target.pid))
                await asyncio.sleep(0.1)
            least = min(counts) / seconds
        for task in tasks:
            task.cancel()
    await asyncio.sleep(2)
    return peak / MIB, memory(target.pid) / MIB, least, max(times)


@contextlib.asynccontextmanager
async def own_target(running: system.System) -> AsyncIterator[Target]:
    """Start a result service."""
    async with running.empty():
        result = await running.ready("result")
        connection = await asyncpg.connect(running.database_url)
        await connection.execute("SET synchronous_commit = off")
        try:
            yield Target(result.url, result.pid, lambda: connection.execute(INSERT))
        finally:
            await connection.close()


def _compose(*command: str) -> str:
    return subprocess.run(
        ["docker", *command], check=True, capture_output=True, text=True
    ).stdout.strip()


@contextlib.asynccontextmanager
async def compose_target() -> AsyncIterator[Target]:
    """Take the result service of Docker Compose, restarted, at the address of nginx.

    The published port on loopback would add the queue of Docker's own proxy to the page's time.
    """
    _compose("compose", "restart", "result")
    _compose("compose", "up", "--detach", "--wait")
    container = _compose("compose", "ps", "--quiet", "result")
    tini = int(_compose("inspect", "--format", "{{.State.Pid}}", container))
    pid = max(psutil.Process(tini).children(recursive=True), key=lambda each: each.pid).pid
    address = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    nginx = _compose("inspect", "--format", address, _compose("compose", "ps", "--quiet", "nginx"))
    psql = await asyncio.create_subprocess_exec(
        *("docker", "compose", "exec", "-T", "db", "psql", "--username", "postgres", "voting"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert psql.stdin
    assert psql.stdout
    sql, answers = psql.stdin, psql.stdout

    async def insert() -> None:
        sql.write(f"{INSERT};\n".encode())
        await answers.readline()

    try:
        sql.write(b"SET synchronous_commit = off;\n")
        await answers.readline()
        yield Target(f"http://{nginx}:8081", pid, insert)
    finally:
        sql.close()
        await psql.wait()


async def measure(
    attack: Attack,
    opened: contextlib.AbstractAsyncContextManager[Target],
    seconds: float,
) -> bool:
    """Attack twice and print a row. Return whether all limits are kept."""
    has_ended = False
    try:
        async with opened as target:
            await run_once(nothing, target, 5)
            before = memory(target.pid) / MIB
            peak, after, scores, page = await run_once(attack, target, seconds)
            second_peak, second_after, second_scores, second_page = await run_once(
                attack, target, seconds
            )
    except* psutil.NoSuchProcess:
        has_ended = True
    if has_ended:
        print(f"| {attack.__name__} | the service has ended | | | | | no |", flush=True)
        return False
    growth, second = max(peak, second_peak) - before, second_after - after
    scores, page = min(scores, second_scores), max(page, second_page)
    is_met = (
        growth <= MAX_GROWTH
        and second <= MAX_SECOND_GROWTH
        and scores >= MIN_SCORES
        and page <= MAX_PAGE
    )
    print(
        f"| {attack.__name__} | {before:.0f} | {growth:+.0f} | {second:+.0f} | {scores:.1f}"
        f" | {page:.2f} | {'yes' if is_met else 'no'} |",
        flush=True,
    )
    return is_met


async def main() -> int:
    """Run what the command line asks for. Return the number of attacks that break a limit."""
    parser = argparse.ArgumentParser(prog="python -m bench.attack", description=__doc__)
    names = [attack.__name__ for attack in ATTACKS]
    parser.add_argument("--only", action="append", choices=names, default=[])
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"({SECONDS:g})")
    parser.add_argument("--compose", action="store_true", help="attack the system of Compose")
    options = parser.parse_args()
    print("| Attack | Before (MiB) | Peak | Second run | Scores/s | Page (s) | Kept |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    broken = 0
    with contextlib.ExitStack() as held:
        running = None if options.compose else held.enter_context(system.opened(quick=True))
        for attack in ATTACKS:
            if attack.__name__ in (options.only or names):
                opened = own_target(running) if running else compose_target()
                broken += not await measure(attack, opened, options.seconds)
    return broken


if __name__ == "__main__":
    raise SystemExit(asyncio.run(main()))
