"""How many votes each option gets, and in which order they are cast."""

from collections.abc import Iterator, Sequence

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def counts(votes: int, parts: Sequence[int]) -> dict[str, int]:
    """Divide `votes` in the proportions of `parts`, for the options a, b, ... in turn.

    Exact where it can be; else no option is a whole vote away from its share. The sum is `votes`.
    """
    whole = sum(parts)
    shares = {letter: votes * part // whole for letter, part in zip(LETTERS, parts, strict=False)}
    # Largest remainder; among equals the earlier option.
    rest = sorted(shares, key=lambda letter: -(votes * parts[LETTERS.index(letter)] % whole))
    for letter in rest[: votes - sum(shares.values())]:
        shares[letter] += 1
    return shares


def order(shares: dict[str, int]) -> Iterator[str]:
    """Every vote, interleaved: at each moment each option has had about its share."""
    votes = sum(shares.values())
    cast = dict.fromkeys(shares, 0)
    for position in range(1, votes + 1):
        # Whole numbers, so that no rounding can drop a vote.
        letter = max(shares, key=lambda each: shares[each] * position - cast[each] * votes)
        cast[letter] += 1
        yield letter
