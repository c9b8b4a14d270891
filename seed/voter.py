"""One voter: loads the page for its cookie, sends the form, and retries with the same cookie.

The answer to a vote can be lost after the vote was recorded. With the same cookie the retry
replaces that vote, so it counts once. With a new cookie it would count twice.
"""

import re

from aiohttp import ClientResponse, ClientSession

from seed.retry import SeedError, TransientError, retry

COOKIE = "voter_id"
CHANGED = 409  # the page shows another poll than the replica that got the vote
POLL = re.compile('data-poll="([^"]+)"')  # a classic page has none
TRANSIENT = frozenset({408, CHANGED, 429, 500, 502, 503, 504})  # the same request may succeed later
STATE = re.compile('data-state="([^"]+)"')  # the reason, in a page of the vote service


class Voter:
    """A voter with a cookie of its own, who casts one vote."""

    def __init__(self, client: ClientSession, vote: str) -> None:
        self.was_sent = False  # whether the vote was sent at least once
        self._client = client
        self._vote = vote
        self._cookie: str | None = None
        self._form: dict[str, str] | None = None  # of the page that this voter sees

    async def cast(self, within: float) -> None:
        """Cast the vote and return when it is acknowledged.

        Raises:
            SeedError: the vote was refused, or not acknowledged within that many seconds.
        """
        await retry(self._attempt, within)

    async def _attempt(self) -> None:
        if self._form is None:
            self._form = await self._load_page()
        self.was_sent = True
        # Kept open, the connections would never reach replicas that are added meanwhile.
        headers = self._headers | {"Connection": "close"}
        async with self._client.post(
            "", data=self._form, headers=headers, allow_redirects=False
        ) as answer:
            if answer.status == CHANGED:
                self._form = None
            if answer.status != 303:
                raise await _failure(f"vote {self._vote}", answer)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Cookie": f"{COOKIE}={self._cookie}"} if self._cookie else {}

    async def _load_page(self) -> dict[str, str]:
        async with self._client.get("", headers=self._headers) as answer:
            if answer.status != 200:
                raise await _failure("page", answer)
            if COOKIE in answer.cookies:
                self._cookie = answer.cookies[COOKIE].coded_value
            if self._cookie is None:  # the vote service has not reached Redis yet
                raise TransientError(f"page: no {COOKIE} cookie")
            poll = POLL.search(await answer.text())
        return {"vote": self._vote} | ({"poll": poll[1]} if poll else {})


async def _failure(what: str, answer: ClientResponse) -> Exception:
    state = STATE.search(await answer.text(errors="replace"))
    text = f"{what}: status {answer.status}{f' ({state[1]})' if state else ''}"
    return TransientError(text) if answer.status in TRANSIENT else SeedError(text)
