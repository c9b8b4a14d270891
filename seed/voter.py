"""A voter, as a browser is one: gets the page, keeps its cookies, sends the form, tries again.

The cookie comes before the vote. A vote whose answer was lost may have been taken or not; sent
again with the same cookie it is the same voter's, so that it counts once in both cases. Without the
cookie the second try would be another voter.
"""

import asyncio
import html
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from seed import client

VOTER_COOKIE = "voter_id"
PAGE = 200
ACCEPTED = 303  # the page's answer to a vote that it took
TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})  # the same request may succeed later
NOTICE = re.compile('role="status"[^>]*>(.*?)</p>', re.DOTALL)
FORM = b"<form"  # what no page lacks where one can vote
TAG = re.compile("<[^>]*>")  # around a name
SAID = 200  # letters of what an answer says
FIRST_DELAY = 0.05  # seconds before the second try
MAX_DELAY = 1.0  # seconds between two tries


class RefusedError(Exception):
    """The vote was not acknowledged. Its text is why."""


@dataclass
class Voter:
    """One voter with a cookie jar of its own, who casts one vote."""

    vote: str
    was_sent: bool = False  # whether the vote itself went out, answered or not
    cookies: dict[str, str] = field(default_factory=dict)

    async def cast(
        self, service: client.Client, within: float, on_retry: Callable[[str], None]
    ) -> None:
        """Cast the vote, and return when it was acknowledged; `on_retry` is told why a try failed.

        Raises:
            RefusedError: it was refused, or not acknowledged in `within` seconds.
        """
        deadline = time.monotonic() + within
        delay = FIRST_DELAY
        while True:
            try:
                await self._try(service)
            except (OSError, _LaterError) as problem:
                reason = str(problem) or type(problem).__name__
            else:
                return
            if time.monotonic() + delay > deadline:
                raise RefusedError(reason)
            on_retry(reason)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311
            delay = min(2 * delay, MAX_DELAY)

    async def _try(self, service: client.Client) -> None:
        """Get the cookie if it is missing, then vote."""
        if VOTER_COOKIE not in self.cookies:
            page = await service.request("GET", "/")
            if page.status != PAGE:
                raise _refusal("the page", page)
            self.cookies |= page.cookies
            if VOTER_COOKIE not in self.cookies:
                if FORM not in page.body:
                    raise RefusedError("the page has no form: it is no vote page")
                raise _LaterError("the page came without a cookie")
        self.was_sent = True
        form = f"vote={self.vote}".encode()
        answer = await service.request("POST", "/", cookies=self.cookies, form=form)
        if answer.status != ACCEPTED:
            raise _refusal(f"the vote {self.vote}", answer)


class _LaterError(Exception):
    """It did not work this time."""


def _refusal(what: str, answer: client.Answer) -> Exception:
    reason = f"{what} was answered with status {answer.status}{_said(answer.body)}"
    return _LaterError(reason) if answer.status in TRANSIENT else RefusedError(reason)


def _said(body: bytes) -> str:
    """What the answer says itself: the notice of the vote page, or a text; no other page."""
    text = body.decode(errors="replace")
    if notice := NOTICE.search(text):
        text = html.unescape(TAG.sub("", notice[1]))
    elif text.lstrip().startswith("<"):
        return ""
    said = " ".join(text.split())[:SAID]
    return f": {said}" if said else ""
