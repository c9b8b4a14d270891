"""The least that a broadcast costs in Python: `websockets.broadcast`, told on stdin what to send.

`python -m bench.bare_broadcast` says `{"port": …}`, then sends each line of stdin to all clients
and says `{"sent": …}`: when it began (s, monotonic).
"""

import asyncio
import time

import uvloop
from websockets.asyncio import server

from bench import audience


async def serve() -> None:
    clients: set[server.ServerConnection] = set()

    async def attend(connection: server.ServerConnection) -> None:
        clients.add(connection)
        try:
            await connection.wait_closed()
        finally:
            clients.discard(connection)

    async with server.serve(attend, "127.0.0.1", 0, compression=None) as serving:
        port = next(iter(serving.sockets)).getsockname()[1]
        audience.say({"port": port})
        async for line in audience.lines():
            began = time.monotonic()
            server.broadcast(clients, line)
            audience.say({"sent": began})


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve())
