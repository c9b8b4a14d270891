"""One change of the scores for 5,000 browsers: when the last one has it, and what each costs."""

import asyncio
import statistics
import sys
import time
import typing
from collections.abc import Awaitable, Callable

import asyncpg

from bench import core, node_server, rig, row, talker
from worker import schema

SERVER, CLIENTS = 0, 1  # cores
CORES = "server on 0, clients on 1" if core.can_pin() else core.ANY
PAUSE = 0.5  # seconds between two broadcasts

# Tells a server to send to all; returns the text that tells that message from others, and when
# that began (s, monotonic).
Trigger = Callable[[int], Awaitable[tuple[str, float]]]


class Figures(typing.NamedTuple):
    """Until the last client had the message (ms), and memory for each client (KiB)."""

    last: float
    memory: float


async def rows(running: rig.Rig) -> list[row.Row]:
    count = running.size(5_000, 100)
    ours = await _ours(running, count)
    bare = await _other(running, talker.python("bench.bare_broadcast"), "bare", count)
    name = f"broadcast to {count:,} WebSockets"
    try:
        node_command = await node_server.command()
    except node_server.Missing as missing:
        print(f" no row for Node.js: {missing} …", end="", file=sys.stderr)
        measured = []
    else:
        node = await _other(running, node_command, "socket.io", count)
        measured = [
            row.at_most(
                1,
                row=f"{name}, last one served",
                cores=CORES,
                unit="ms",
                ours=ours.last,
                limit=node.last,
                beside="Node.js socket.io",
            ),
            row.Row(
                f"{name}, memory a client",
                CORES,
                ours.memory,
                "KiB",
                "",
                None,
                node.memory,
                "Node.js socket.io",
            ),
        ]
    return [
        *measured,
        row.Row(
            f"{name}, last one served",
            CORES,
            ours.last,
            "ms",
            "",
            None,
            bare.last,
            "websockets.broadcast",
        ),
        row.below(
            20,
            row=f"{name}, memory a client",
            cores=CORES,
            unit="KiB",
            ours=ours.memory,
            limit=bare.memory,
            beside="bare websockets",
        ),
    ]


async def _ours(running: rig.Rig, count: int) -> Figures:
    """The result service as it is: from just before a change of a tally is committed."""
    async with running.system() as system:
        connection = await asyncpg.connect(system.database_url)
        await schema.apply(connection)
        await connection.execute("SET synchronous_commit = off")
        result = await system.start("result", on=SERVER)

        async def change(number: int) -> tuple[str, float]:
            began = time.monotonic()
            await connection.execute(
                f"INSERT INTO tally_shards VALUES ('a', 0, {number})"
                " ON CONFLICT (vote, shard) DO UPDATE SET voters = excluded.voters;"
                " NOTIFY tallies"
            )
            return str(number), began

        figures = await _measure(running, result.pid, result.port, "socket.io", count, change)
        await connection.close()
        return figures


async def _other(running: rig.Rig, command: list[str], protocol: str, count: int) -> Figures:
    async with talker.opened(*command, on=SERVER) as server:
        port = (await server.hear())["port"]

        async def send(number: int) -> tuple[str, float]:
            said = await server.ask(f'{{"a": {number}, "b": 0}}')
            return str(number), said["sent"]

        return await _measure(running, server.pid, port, protocol, count, send)


async def _measure(
    running: rig.Rig, pid: int, port: int, protocol: str, count: int, trigger: Trigger
) -> Figures:
    before = core.memory(pid)
    command = talker.python("bench.audience", port, count, protocol)
    async with talker.opened(*command, on=CLIENTS) as audience:
        await audience.hear()
        await asyncio.sleep(1)
        times = []
        for number in range(1_000_001, 1_000_001 + running.size(21, 3)):
            await audience.ask(str(number))
            _, began = await trigger(number)
            seen = await audience.hear()
            times.append((seen["last"] - began) * 1000)
            await asyncio.sleep(PAUSE)
        memory = (core.memory(pid) - before) / count / 1024
    return Figures(statistics.median(times), memory)
