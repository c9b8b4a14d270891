"""Somebody at the vote page, with the cookies of one browser."""

import contextlib
import re
import typing
from collections.abc import AsyncIterator

import aiohttp
import orjson
import redis.asyncio

from common import keys

TIMEOUT = 15.0  # seconds
# Vote answers the usual form post by a shortcut; with these headers it goes the long way.
LONG_WAY = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
WAYS: list[dict[str, str]] = [{}, LONG_WAY]


class Answer(typing.NamedTuple):
    """What the service answered; redirects are not followed."""

    status: int
    headers: typing.Mapping[str, str]
    text: str
    set_cookies: dict[str, str]  # the whole Set-Cookie header, by the cookie's name

    @property
    def json(self) -> typing.Any:
        return orjson.loads(self.text)

    @property
    def pressed(self) -> str | None:
        """The option that the page marks as the voter's own."""
        found = re.findall(r'value="(\w+)"[^>]*aria-pressed="true"', self.text)
        assert len(found) <= 1
        return found[0] if found else None


class Visitor:
    """Keeps cookies as a browser does."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @property
    def cookies(self) -> dict[str, str]:
        return {each.key: each.value for each in self._session.cookie_jar}

    def has_cookie(self, name: str, value: str) -> None:
        """Sets a cookie as if the service had done so."""
        self._session.cookie_jar.update_cookies({name: value})

    async def get(self, path: str = "/", **options: typing.Any) -> Answer:
        return await self.send("GET", path, **options)

    async def vote(self, option: str, **options: typing.Any) -> Answer:
        """Presses a button of the page."""
        return await self.send("POST", "/", data={"vote": option}, **options)

    async def send(self, method: str, path: str, **options: typing.Any) -> Answer:
        """One request."""
        async with self._session.request(method, path, allow_redirects=False, **options) as answer:
            set_cookies = {
                header.partition("=")[0]: header
                for header in answer.headers.getall("set-cookie", [])
            }
            return Answer(answer.status, answer.headers, await answer.text(), set_cookies)


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Visitor]:
    """A visitor to the service at `url`."""
    async with aiohttp.ClientSession(
        url,
        cookie_jar=aiohttp.CookieJar(unsafe=True),  # unsafe: also for hosts that are numbers
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
    ) as session:
        yield Visitor(session)


async def ballots(client: redis.asyncio.Redis) -> list[dict[str, typing.Any]]:
    """The ballots that wait in the queue, oldest first."""
    messages = typing.cast("list[bytes]", await client.lrange(keys.VOTES, 0, -1))
    return [orjson.loads(message) for message in messages]
