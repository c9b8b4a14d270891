"""One update for 5,000 browsers with WebSockets, next to a Socket.IO server on Node.js."""

import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg

from bench.row import Row
from bench.system import ROOT, System, memory, pinned

SERVER_CORE, CLIENT_CORE = 0, 1
PACKAGES = ("socket.io@4.8.1", "ws@8.18.0")
FOLDER = ROOT / "build" / "bench-node"
SCRIPTS = ROOT / "bench" / "node"
INSERT = "INSERT INTO votes (id, vote) VALUES (gen_random_uuid()::text, 'a')"
PAUSE = 0.5  # seconds between two updates
SETTLE = 2.0  # seconds until all have the events of their connection
TIMEOUT = 300.0  # seconds

Send = Callable[[], Awaitable[float]]  # sends an update to all, returns when it began


async def measure(system: System) -> list[Row]:
    """Measure when the last browser has an update, and the memory of each connection."""
    _install()
    count = system.size(5_000, 100)
    times, sizes = await _ours(system, count)
    node_times, node_sizes = await _node(system, count)
    name, node = f"broadcast to {count:,} WebSockets", "Node.js socket.io"
    return [
        Row(f"{name}: last one served", "ms", times, node_times, node, max_ratio=1.5),
        Row(f"{name}: memory per client", "KiB", sizes, node_sizes, node, max_value=45),
    ]


def _install() -> None:
    if shutil.which("npm") is None:
        raise RuntimeError("Node.js with npm is not installed")
    if not (FOLDER / "node_modules" / "ws").is_dir():
        FOLDER.mkdir(parents=True, exist_ok=True)
        options = ("--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
        subprocess.run(["npm", "install", *options, *PACKAGES], cwd=FOLDER, check=True)


class Program:
    """A program on Node.js that answers with one number per line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.pid = process.pid
        self._process = process

    async def read(self) -> float:
        """Return the next number.

        Raises:
            RuntimeError: The program ended.
        """
        assert self._process.stdout is not None
        async with asyncio.timeout(TIMEOUT):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a Node.js program ended: see its message above")
        return float(line)

    async def ask(self) -> float:
        """Send a line and return the number that answers it."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{time.monotonic()}\n".encode())
        return await self.read()


@contextlib.asynccontextmanager
async def _run(core: int, *command: str) -> AsyncIterator[Program]:
    with pinned(core):
        process = await asyncio.create_subprocess_exec(
            *("node", *command),
            cwd=SCRIPTS,
            env={**os.environ, "NODE_PATH": str(FOLDER / "node_modules")},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
    try:
        yield Program(process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _ours(system: System, count: int) -> tuple[float, float]:
    """The whole way, from a commit in Postgres."""
    connection = await asyncpg.connect(system.database_url)
    await connection.execute("SET synchronous_commit = off")
    result = await system.ready("result", SERVER_CORE)

    async def vote() -> float:
        began = time.monotonic()
        await connection.execute(INSERT)
        return began

    measured = await _measure(system, result.pid, result.port, count, vote)
    await connection.close()
    return measured


async def _node(system: System, count: int) -> tuple[float, float]:
    async with _run(SERVER_CORE, "server.js") as server:
        port = int(await server.read())
        return await _measure(system, server.pid, port, count, server.ask)


async def _measure(
    system: System, pid: int, port: int, count: int, send: Send
) -> tuple[float, float]:
    """Return ms until the last client has an update, and KiB of memory per client."""
    before = memory(pid)
    async with _run(CLIENT_CORE, "audience.js", str(port), str(count)) as audience:
        await audience.read()
        await asyncio.sleep(SETTLE)
        times = []
        for _ in range(system.size(21, 3)):
            await audience.ask()
            began = await send()
            times.append((await audience.read() - began) * 1000)
            await asyncio.sleep(PAUSE)
        return statistics.median(times), (memory(pid) - before) / count / 1024
