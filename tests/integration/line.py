"""A connection that says what a test tells it to, byte by byte."""

import asyncio
import contextlib
import typing
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

GET = "GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n"
FORM = "content-type: application/x-www-form-urlencoded\r\n"
SCRIPT = "content-type: application/json\r\n"


class Answer(typing.NamedTuple):
    """One answer. `headers`: names in lower case, each with all its values."""

    status: int
    version: str
    headers: dict[str, list[str]]
    body: bytes


class Line:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def say(self, text: str) -> None:
        self.writer.write(text.encode())

    async def answer(self) -> Answer:
        """The next answer."""
        async with asyncio.timeout(10):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            version, status = head[0].split()[:2]
            headers: dict[str, list[str]] = {}
            for line in filter(None, head[1:]):
                name, _, value = line.partition(": ")
                headers.setdefault(name.lower(), []).append(value)
            length = int(headers.get("content-length", ["0"])[0])
            return Answer(int(status), version, headers, await self.reader.readexactly(length))

    async def is_over(self) -> bool:
        """Whether the server closes it without another word."""
        async with asyncio.timeout(10):
            return await self.reader.read() == b""


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Line]:
    """A connection to the server of `url`."""
    place = urlsplit(url)
    reader, writer = await asyncio.open_connection(place.hostname, place.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.close()


def vote(option: str, headers: str = FORM, version: str = "1.1") -> str:
    """The request by which the form casts a vote, or the page's script."""
    path, body = (
        ("/api/votes", f'{{"vote":"{option}"}}') if "json" in headers else ("/", f"vote={option}")
    )
    return (
        f"POST {path} HTTP/{version}\r\nhost: test\r\n{headers}"
        f"content-length: {len(body)}\r\n\r\n{body}"
    )
