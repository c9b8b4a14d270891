"""A batch: the messages of one claim, as ballots and dead letters."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from common.clock import microseconds, milliseconds
from common.queue.message import Ballot, BallotError, decode
from common.queue.session import MAX_DEAD
from worker.store import DeadLetter, Rows, newest_per_voter

MAX_SHOWN = 1024  # bytes of a message in its dead letter


class Batch(NamedTuple):
    """The messages of one claim.

    Attributes:
        size: The number of messages.
        last: The last message, as it was claimed.
        rows: The newest ballot of each voter.
        oldest: The earliest `cast_at` among them; None without ballots.
        dead: The messages that can never be stored.
    """

    size: int
    last: bytes
    rows: Rows
    oldest: int | None
    dead: list[DeadLetter]


def decode_batch(messages: Sequence[bytes]) -> Batch:
    """Decode the messages of one claim."""
    ballots: list[Ballot] = []
    dead: list[DeadLetter] = []
    for message in messages:
        try:
            ballot = decode(message)
        except BallotError as error:
            dead.append(DeadLetter(message, error.kind, str(error)))
            continue
        if ballot.cast_at is msgspec.UNSET:  # the claim found this text elsewhere, as in an id
            ballot = msgspec.structs.replace(ballot, cast_at=microseconds())
        ballots.append(ballot)
    times = [ballot.cast_at for ballot in ballots if isinstance(ballot.cast_at, int)]
    return Batch(
        size=len(messages),
        last=messages[-1],
        rows=newest_per_voter(ballots),
        oldest=min(times, default=None),
        dead=dead,
    )


def encode_dead(dead: Sequence[DeadLetter]) -> list[bytes]:
    """Encode as many as are kept: with all of a large batch, the heartbeat could expire."""
    return [
        msgspec.json.encode(
            {
                "message": letter.message[:MAX_SHOWN].decode(errors="backslashreplace"),
                "reason": letter.reason,
                "at": milliseconds(),
            }
        )
        for letter in dead[-MAX_DEAD:]
    ]
