"""One HTTP request to an ASGI app, without a server."""

import asyncio
import dataclasses
import json
import typing
from collections.abc import Sequence

from starlette import datastructures, types


@dataclasses.dataclass
class Answer:
    """The answer of an app."""

    status: int
    headers: datastructures.Headers
    body: bytes = b""

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> typing.Any:
        return json.loads(self.body)


async def request(
    app: types.ASGIApp,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    scheme: str = "http",
    body: Sequence[bytes] = (b"",),
) -> Answer:
    """Send one request to the app. `body`: its parts."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": scheme,
        "server": ("test", 80),
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (name.lower().encode(), value.encode("latin-1"))
            for name, value in {"host": "test", **(headers or {})}.items()
        ],
    }
    answers: list[types.Message] = []

    parts_left = list(body)

    async def receive() -> types.Message:
        if not parts_left:
            await asyncio.Event().wait()  # the client stays connected and sends no more
        part = parts_left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts_left)}

    async def send(message: types.Message) -> None:
        answers.append(message)

    await app(scope, receive, send)
    start, *parts = answers
    assert start["type"] == "http.response.start"
    return Answer(
        start["status"],
        datastructures.Headers(raw=start["headers"]),
        b"".join(part.get("body", b"") for part in parts),
    )
