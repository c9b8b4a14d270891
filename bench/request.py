"""What a browser sends: it asks for the page, and votes by the page's script or by its form."""

import json
import re
import typing
from collections.abc import Sequence

import aiohttp

from vote import voter

EDITION = re.compile(r'data-poll="([^"]+)"')
TIMEOUT = aiohttp.ClientTimeout(total=10)


class Request(typing.NamedTuple):
    """Without a body it asks for the page. Each of `cookies` has its turn."""

    path: str = ""
    media_type: str = ""
    body: str = ""
    cookies: Sequence[str] = ()


class Visit(typing.NamedTuple):
    """What a browser has once it has loaded the page: the poll's edition, and its cookie."""

    edition: str
    cookie: str


PAGE = Request()


def by_form(seen: Visit, option: str) -> Request:
    """The form's vote, each time of somebody who has no cookie yet."""
    body = f"poll={seen.edition}&vote={option}"
    return Request("", "application/x-www-form-urlencoded", body)


def by_script(seen: Sequence[Visit], option: str) -> Request:
    """The votes of the page's script, one after the other of each who has `seen` the page."""
    content = {"vote": option, "poll": seen[0].edition}
    body = json.dumps(content, separators=(",", ":"))
    return Request("api/votes", "application/json", body, [each.cookie for each in seen])


async def visits(url: str, count: int) -> list[Visit]:
    """So many browsers load the page at `url`, one after the other."""
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), timeout=TIMEOUT
    ) as client:
        return [await _visit(client, url) for _ in range(count)]


async def _visit(client: aiohttp.ClientSession, url: str) -> Visit:
    async with client.get(url) as answer:
        found = EDITION.search(await answer.text())
        cookie = answer.cookies.get(voter.COOKIE)
    if found is None or cookie is None:
        raise RuntimeError(f"{url} answered {answer.status} without a poll and a cookie")
    return Visit(found[1], f"{voter.COOKIE}={cookie.value}")
