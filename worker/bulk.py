"""Reads a batch of usual messages at once.

One by one (`common.ballot.parse`) a message takes twice as much CPU time: see bench/README.md.
Where one is anything else than a ballot with its time, all of the batch takes that way.
"""

import functools
import secrets
from collections.abc import Callable, Iterable, Sequence

import orjson

from common import ballot

# Between two messages, so that broken ones cannot add up to whole ones: nobody can guess it.
MARK = secrets.token_hex()
BETWEEN = f',"{MARK}",'.encode()

# As Ballot(*values), without a call of Python for each.
_ballot: Callable[[Iterable[object]], ballot.Ballot] = functools.partial(
    tuple.__new__, ballot.Ballot
)


def parse(messages: Sequence[bytes], option_ids: frozenset[str]) -> list[ballot.Ballot] | None:
    """What `ballot.parse` gives for each; None if one is no ballot, or has no `cast_at`."""
    if max(map(len, messages), default=0) > ballot.MAX_BYTES:
        return None
    try:
        found = orjson.loads(b"[%b]" % BETWEEN.join(messages))
        if found[1::2] != [MARK] * (len(messages) - 1) or len(found) != 2 * len(messages) - 1:
            return None
        contents = found[::2]
        ids = [content["voter_id"] for content in contents]
        votes = [content["vote"] for content in contents]
        times = [content["cast_at"] for content in contents]
        are_usual = (
            set(map(type, ids)) == {str}
            and "" not in ids
            and max(map(len, ids)) <= ballot.MAX_LENGTH
            and "\0" not in "".join(ids)
            and option_ids.issuperset(votes)
            and set(map(type, times)) == {int}
            and min(times) >= 0
            and max(times) < ballot.MAX_CAST_AT
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    return list(map(_ballot, zip(ids, votes, times, strict=True))) if are_usual else None
