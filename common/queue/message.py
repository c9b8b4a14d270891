"""The ballot: the message that vote pushes to Redis and a worker stores in Postgres.

On the wire it is one JSON object,
`{"voter_id": "…", "vote": "a", "cast_at": 1764000000000000, "poll": "3f9c…"}`. The classic voting
app sends no `poll` and no `cast_at`; the claim of a worker adds `cast_at`. With traces on there is
also a `traceparent`. Unknown keys are ignored.
"""

from typing import Annotated, Literal

import msgspec

MAX_BYTES = 4096  # of one message; those of `vote` have about a hundred

Letter = Literal[
    "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m",
    "n", "o", "p", "q", "r", "s", "t", "u", "v", "w", "x", "y", "z",
]  # fmt: skip

Revision = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00]*$")]


class Ballot(msgspec.Struct, frozen=True, gc=False):
    """One voter's choice.

    Attributes:
        voter_id: 1 to 255 characters without NUL, as the column in Postgres takes them.
        vote: The letter of an option. Any letter is valid: when the options change, ballots for
            the earlier ones still wait in the queue.
        cast_at: µs since the epoch, UTC; below 2**53, so that every JSON reader keeps all digits.
            Unset in classic messages.
        poll: The revision of the poll that the voter saw. Unset in classic messages, whose votes
            count in every poll.
        traceparent: The trace of this vote, in the format of W3C Trace Context. Unset without one.
    """

    voter_id: Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
    vote: Letter
    cast_at: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | msgspec.UnsetType = msgspec.UNSET
    poll: Revision | msgspec.UnsetType = msgspec.UNSET
    traceparent: str | msgspec.UnsetType = msgspec.UNSET


class BallotError(ValueError):
    """A message that can never be stored. The text gives the reason.

    Attributes:
        kind: The reason as a metrics label: "too_long", "malformed" (no JSON) or "invalid".
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Ballot).decode


def decode(message: bytes) -> Ballot:
    """Read the ballot in a message.

    Raises:
        BallotError: The message can never be stored.
    """
    if len(message) > MAX_BYTES:
        raise BallotError("too_long", f"longer than {MAX_BYTES} bytes")
    try:
        return _decode(message)
    except msgspec.ValidationError as error:
        raise BallotError("invalid", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BallotError("malformed", f"not JSON: {error}") from None
