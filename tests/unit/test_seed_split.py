"""The split of the seed job: exact proportions, interleaved."""

import hypothesis
import hypothesis.strategies as st
import pytest

from seed import split


@pytest.mark.parametrize(
    ("votes", "parts", "expected"),
    [
        (3000, [2, 1], {"a": 2000, "b": 1000}),
        (10, [1], {"a": 10}),
        (10, [0, 1], {"a": 0, "b": 10}),
        (100, [1, 1, 1], {"a": 34, "b": 33, "c": 33}),
        (1, [1, 3], {"a": 0, "b": 1}),
        (1_000_000, [7, 2, 1], {"a": 700_000, "b": 200_000, "c": 100_000}),
    ],
)
def test_proportions(votes: int, parts: list[int], expected: dict[str, int]) -> None:
    assert split.counts(votes, parts) == expected


def test_order_is_interleaved() -> None:
    assert "".join(split.order({"a": 4, "b": 2})) in ("aabaab", "abaaba")


@hypothesis.given(
    votes=st.integers(1, 2000),
    parts=st.lists(st.integers(0, 50), min_size=1, max_size=26).filter(any),
)
def test_no_vote_is_lost_or_late(votes: int, parts: list[int]) -> None:
    shares = split.counts(votes, parts)
    assert sum(shares.values()) == votes
    for letter, part in zip(split.LETTERS, parts, strict=False):
        assert abs(shares[letter] - votes * part / sum(parts)) < 1
    cast = dict.fromkeys(shares, 0)
    for position, letter in enumerate(split.order(shares), start=1):
        cast[letter] += 1
        assert cast[letter] - shares[letter] * position / votes < 1
    assert cast == shares
