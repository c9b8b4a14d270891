"""The least effort for an answer: an ASGI app that reads the body and redirects, nothing else.

`python -m bench.bare_app` serves it as the services are served.
"""

from starlette.types import Receive, Scope, Send

from common.server import serve
from common.settings import ServiceSettings, load

HEADERS = [(b"location", b"./"), (b"content-length", b"0")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer GET with 200 and anything else with 303."""
    if scope["type"] == "lifespan":
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    status = 200 if scope["method"] == "GET" else 303
    await send({"type": "http.response.start", "status": status, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    serve(lambda _: app, load(ServiceSettings), name="bare_app")
