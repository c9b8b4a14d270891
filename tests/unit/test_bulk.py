"""A batch read at once is what its messages are one by one, or it is not read at once."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common import ballot
from tests.unit import test_ballot
from worker import bulk

OPTIONS = test_ballot.OPTIONS
USUAL = b'{"voter_id": "7d2f", "vote": "a", "cast_at": 1}'

# What could be cut where messages meet, and what could stand for it.
cut = [USUAL[:-1], USUAL[1:], USUAL[:19], USUAL[20:], b'{"x":[1', b'1],"voter_id":"7d2f"}']
signs = [b'"', b"\\", b",", b"[", b"]", b"{", b"}", b" ", b"1,2", b',"1",']
pieces = st.sampled_from([USUAL, *cut, *signs])
usual = st.builds(
    lambda cast: ballot.encode(cast._replace(cast_at=cast.cast_at or 0)), test_ballot.legal_ballots
)
messages = st.one_of(st.just(USUAL), usual, st.lists(pieces, max_size=4).map(b"".join))


def one_by_one(batch: list[bytes]) -> list[ballot.Ballot] | None:
    try:
        ballots = [ballot.parse(message, OPTIONS) for message in batch]
    except ballot.BallotError:
        return None
    return None if any(cast.cast_at is None for cast in ballots) else ballots


@given(st.lists(messages, min_size=1, max_size=6))
@example([b'{"x":[1', b'1],"voter_id":"7","vote":"a","cast_at":1}', USUAL + b",1," + USUAL])
@example([USUAL[:19], USUAL[20:], USUAL + b"," + USUAL])
def test_any_batch(batch: list[bytes]) -> None:
    assert bulk.parse(batch, OPTIONS) in (None, one_by_one(batch))


@given(st.lists(usual, min_size=1, max_size=6))
def test_usual_batches_are_read_at_once(batch: list[bytes]) -> None:
    ballots = bulk.parse(batch, OPTIONS)
    assert ballots == one_by_one(batch) and ballots is not None
    assert {type(cast) for cast in ballots} == {ballot.Ballot}


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b'"voter_id"',
        b'{"voter_id": "7d2f", "vote": "a"}',
        b'{"voter_id": "7d2f", "vote": "c", "cast_at": 1}',
        b'{"voter_id": "7d2f", "vote": ["a"], "cast_at": 1}',
        b'{"voter_id": 7, "vote": "a", "cast_at": 1}',
        b'{"voter_id": "", "vote": "a", "cast_at": 1}',
        b'{"voter_id": "%b", "vote": "a", "cast_at": 1}' % (b"7" * 256),
        b'{"voter_id": "7\\u0000d", "vote": "a", "cast_at": 1}',
        b'{"voter_id": "7d2f", "vote": "a", "cast_at": -1}',
        b'{"voter_id": "7d2f", "vote": "a", "cast_at": 1.0}',
        b'{"voter_id": "7d2f", "vote": "a", "cast_at": true}',
        b'{"voter_id": "7d2f", "vote": "a", "cast_at": 9007199254740992}',
        b'{"voter_id": "7d2f", "vote": "a", "cast_at": 1, "x": "%b"}' % (b"7" * ballot.MAX_BYTES),
    ],
)
def test_one_unusual_message_takes_the_batch_the_long_way(message: bytes) -> None:
    assert bulk.parse([USUAL, message, USUAL], OPTIONS) is None
    assert bulk.parse([message], OPTIONS) is None
