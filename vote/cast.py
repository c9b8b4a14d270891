"""Casting a vote, however it came: who casts it, whether it is taken, what the browser keeps."""

import asyncio
import functools
import typing

from common import ballot, poll
from vote import pusher, queue, voter

CHOICE_COOKIE = "vote"
REFUSAL = "vote.refusal"  # in an ASGI scope: the vote in this request was refused already


class Refusal(Exception):  # noqa: N818 (an answer, not a fault)
    """A vote that was not taken: the state that the page shows, and the words for a program.

    `voter_id`: whose vote it was, where it may have been taken all the same.
    """

    def __init__(self, status: int, state: str, detail: str, voter_id: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.state = state
        self.detail = detail
        self.voter_id = voter_id


def told(filled: ballot.Ballot) -> dict[str, object]:
    """What a program is told of a vote that was taken."""
    return {"vote": filled.vote, "cast_at": filled.cast_at}


class Caster:
    """Takes votes for one poll."""

    def __init__(
        self,
        asked: poll.Poll,
        voters: voter.Voters,
        pushed: queue.Queue,
    ) -> None:
        self.poll = asked
        self._options = asked.option_ids
        self._edition = asked.edition
        self._voters = voters
        self._queue = pushed

    async def cast(
        self, cookie: str | None, option: object, edition: object = None
    ) -> ballot.Ballot:
        """Pushes a ballot of the voter with this cookie, or of a new one. Raises `Refusal`.

        `edition`: of the poll that the voter saw, if that was said.
        """
        if edition not in (None, self._edition) and not self.poll.is_closed():
            raise Refusal(409, "changed", "the poll has changed: this vote is for another one")
        filled = self.fill(cookie, option)
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def settle(refusal: Refusal | None) -> None:
            if answered.done():  # the voter has hung up meanwhile
                return
            if refusal is None:
                answered.set_result(None)
            else:
                answered.set_exception(refusal)

        self.push_soon(filled, settle)
        await answered
        return filled

    def fill(self, cookie: str | None, option: object) -> ballot.Ballot:
        """The ballot of the voter with this cookie, or of a new one. Raises `Refusal`."""
        if self.poll.is_closed():
            raise Refusal(403, "closed", "the poll is closed")
        if not isinstance(option, str) or option not in self._options:
            valid = ", ".join(f"{each.id} ({each.name})" for each in self.poll.options)
            raise Refusal(422, "unknown_option", f"vote must be one of {valid}")
        if not self._voters.can_sign:
            raise Refusal(503, "not_taken", "the vote was NOT taken: Redis was not reached yet")
        voter_id = self._voters.recognise(cookie) or self._voters.mint()
        return ballot.Ballot(voter_id, option, ballot.now())

    def push_soon(
        self, filled: ballot.Ballot, settle: typing.Callable[[Refusal | None], None]
    ) -> None:
        """Calls `settle` once Redis has acknowledged the ballot, or with why it is not taken."""
        self._queue.push_soon(
            filled, lambda away: settle(None if away is None else _refusal(filled, away))
        )

    def cookies(
        self, voter_id: str, choice: str | None = None, *, known: str | None, secure: bool
    ) -> list[tuple[bytes, bytes]]:
        """The headers by which a browser keeps who votes here, and its choice; "" forgets that.

        `known`: the cookie that came; who has this voter's is not given it again.
        """
        cookies = []
        signed = self._voters.sign(voter_id)
        if signed != known:
            cookies.append(_cookie(voter.COOKIE, signed, secure=secure))
        if choice is not None:
            kept = f"{choice}.{self._edition}" if choice else ""
            cookies.append(_choice_cookie(kept, secure=secure))
        return cookies

    def choice(self, cookie: str | None) -> str | None:
        """The option that the cookie of a choice keeps; None: it was made in another poll."""
        option, _, edition = (cookie or "").partition(".")
        return option if edition == self._edition else None


def _refusal(filled: ballot.Ballot, away: pusher.QueueAway) -> Refusal:
    if away.unsure:
        detail = "no acknowledgement: it may have been taken; again, it counts only once"
        return Refusal(503, "unsure", detail, filled.voter_id)
    return Refusal(503, "not_taken", f"the vote was NOT taken: {away.told}")


@functools.cache
def _choice_cookie(kept: str, *, secure: bool) -> tuple[bytes, bytes]:
    return _cookie(CHOICE_COOKIE, kept, secure=secure)


def _cookie(name: str, value: str, *, secure: bool) -> tuple[bytes, bytes]:
    flags = "; Secure" if secure else ""
    age = voter.COOKIE_AGE if value else 0  # seconds
    attributes = f"HttpOnly; Max-Age={age}; Path=/; SameSite=lax{flags}"
    return b"set-cookie", f"{name}={value}; {attributes}".encode("latin-1")
