"""The least that an answer to a vote costs: a bare ASGI app under the services' own server.

`python -m bench.bare PORT` reads the body of each request and answers 303, nothing else.
"""

import asyncio
import sys

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from common import server, settings

HEADERS = [(b"location", b"./"), (b"content-length", b"0")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 303, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b""})


async def answers(port: int) -> bool:
    """Whether it listens there."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


# The server as it is, without what our own connections see to.
app.protocol = HttpToolsProtocol  # type: ignore[attr-defined]


async def serve(stop: asyncio.Event) -> None:
    listening = server.bind("127.0.0.1", int(sys.argv[1]))
    await server.serve(app, listening, stop, websockets=False)


if __name__ == "__main__":
    server.run(settings.Settings(), serve)
