"""Someone at the vote page, with the cookies of one browser."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import redis.asyncio

from common.queue import keys

TIMEOUT = 15.0  # seconds


class Answer(NamedTuple):
    """The answer of the service. Redirects are not followed."""

    status: int
    headers: Mapping[str, str]
    text: str
    set_cookies: dict[str, str]  # the whole header Set-Cookie, by the name of the cookie

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def state(self) -> str:
        """The state that the page shows."""
        found = re.search(r'data-state="(\w+)"', self.text)
        assert found
        return found[1]

    @property
    def pressed(self) -> str | None:
        """The option that the page marks as the voter's choice."""
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

    def set_cookies(self, **cookies: str) -> None:
        self._session.cookie_jar.update_cookies(cookies)

    async def get(self, path: str = "/", **options: Any) -> Answer:
        return await self.send("GET", path, **options)

    async def vote(self, option: str, **options: Any) -> Answer:
        """Vote with the form of the page."""
        return await self.send("POST", "/", data={"vote": option}, **options)

    async def tap(self, option: str, **options: Any) -> Answer:
        """Vote with the script of the page."""
        headers = {"accept": "application/json"} | options.pop("headers", {})
        return await self.vote(option, headers=headers, **options)

    async def call(self, option: str, **options: Any) -> Answer:
        """Vote as a program."""
        return await self.send("POST", "/api/votes", json={"vote": option}, **options)

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        async with self._session.request(method, path, allow_redirects=False, **options) as answer:
            set_cookies = {
                header.partition("=")[0]: header
                for header in answer.headers.getall("set-cookie", [])
            }
            return Answer(answer.status, answer.headers, await answer.text(), set_cookies)

    async def redis(self) -> dict[str, str]:
        """Return what /readyz reports about Redis."""
        state: dict[str, str] = (await self.get("/readyz")).json["dependencies"]["redis"]
        return state

    async def is_available(self) -> bool:
        """Return whether vote can use Redis."""
        return (await self.redis())["state"] == "available"

    async def is_unavailable(self) -> bool:
        """Return whether vote has noticed that it cannot use Redis."""
        return (await self.redis())["state"] == "unavailable"


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Visitor]:
    """Yield a visitor of the service at `url`."""
    async with aiohttp.ClientSession(
        url,
        cookie_jar=aiohttp.CookieJar(unsafe=True),  # unsafe: also for hosts that are numbers
        timeout=aiohttp.ClientTimeout(total=TIMEOUT),
    ) as session:
        yield Visitor(session)


async def ballots(client: redis.asyncio.Redis) -> list[dict[str, Any]]:
    """Return the ballots in the queue, oldest first."""
    return [json.loads(message) for message in await client.lrange(keys.VOTES, 0, -1)]
