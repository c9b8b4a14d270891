"""The ballot: the message that vote pushes to Redis and a worker stores in Postgres.

On the wire it is one JSON object, `{"voter_id": "…", "vote": "a", "cast_at": 1764000000000000}`.
The classic voting app sends no `cast_at`; unknown keys are ignored.
"""

import time
import typing
from collections.abc import Collection

import orjson

STAMP = ',"cast_at":1764000000000000'  # what a classic message gets at its first claim
MAX_BYTES = 4096 + len(STAMP)  # of one message; what the services send is far below
MAX_LENGTH = 255  # characters of `voter_id` and of `vote`: the columns are VARCHAR(255)
MAX_CAST_AT = 2**53  # µs since the epoch: the year 2255; beyond, JSON readers lose digits
# Seconds that a push to Redis takes at most; then the voter is told that it failed. result counts
# on it: so long a vote of a poll that has just closed may still be on its way.
PUSH_TIMEOUT = 2.0


class Ballot(typing.NamedTuple):
    """One voter's choice. `cast_at`: µs since the epoch, UTC; None: the sender gave none."""

    voter_id: str
    vote: str
    cast_at: int | None = None


class BallotError(ValueError):
    """The message can never be stored. Its text says why."""


def now() -> int:
    """The time for `cast_at`: µs since the epoch, UTC."""
    return time.time_ns() // 1000


def encode(ballot: Ballot) -> bytes:
    """The message of `ballot`."""
    message: dict[str, str | int] = {"voter_id": ballot.voter_id, "vote": ballot.vote}
    if ballot.cast_at is not None:
        message["cast_at"] = ballot.cast_at
    return orjson.dumps(message)


def parse(message: bytes, option_ids: Collection[str]) -> Ballot:
    """The ballot in `message`.

    Raises `BallotError` for whatever can never be stored: not JSON, not an object, no such option,
    too long, or with characters that Postgres has no text for.
    """
    if len(message) > MAX_BYTES:
        raise BallotError(f"longer than {MAX_BYTES} bytes")
    try:
        content = orjson.loads(message)
    except orjson.JSONDecodeError as error:
        raise BallotError(f"not JSON: {error}") from None
    if not isinstance(content, dict):
        raise BallotError("not a JSON object")
    voter_id = content.get("voter_id")
    if not isinstance(voter_id, str) or not voter_id:
        raise BallotError("voter_id is not a non-empty string")
    if len(voter_id) > MAX_LENGTH:
        raise BallotError(f"voter_id is longer than {MAX_LENGTH} characters")
    if "\0" in voter_id:
        raise BallotError("voter_id has a NUL character")
    vote = content.get("vote")
    if not isinstance(vote, str) or vote not in option_ids:
        valid = ", ".join(sorted(option_ids))
        raise BallotError(f"vote names no option (valid: {valid})")
    if "cast_at" not in content:
        return Ballot(voter_id, vote)
    cast_at = content["cast_at"]
    if type(cast_at) is not int or not 0 <= cast_at < MAX_CAST_AT:
        raise BallotError("cast_at is not a whole number of µs since the epoch")
    return Ballot(voter_id, vote, cast_at)
