"""Who votes: ids in signed cookies."""

import pytest

from vote import voter

SECRET = "a secret of the tests, long enough"


def changed(cookie: str) -> list[str]:
    """`cookie` with each of its characters changed in turn."""
    return [
        cookie[:place] + ("A" if letter != "A" else "B") + cookie[place + 1 :]
        for place, letter in enumerate(cookie[:-1])
    ]


def test_a_voter_is_recognised() -> None:
    voters = voter.Voters(SECRET)
    for voter_id in [voters.mint() for _ in range(3)]:
        assert voters.recognise(voters.sign(voter_id)) == voter_id
        assert voter.Voters(SECRET).recognise(voters.sign(voter_id)) == voter_id


def test_each_voter_is_another() -> None:
    voters = voter.Voters(SECRET)
    assert len({voters.mint() for _ in range(1000)}) == 1000


def test_what_is_not_of_our_making_is_nobody() -> None:
    voters = voter.Voters(SECRET)
    cookie = voters.sign("1234")
    forged = [
        None,
        "",
        ".",
        "1234",
        "1234.",
        f".{cookie}",
        "\xff.\xff",
        "x" * 100_000,
        voter.Voters("another secret of the tests").sign("1234"),
        *changed(cookie),
    ]
    assert [each for each in forged if voters.recognise(each) is not None] == []


def test_without_a_secret_nobody_is_given_a_cookie() -> None:
    voters = voter.Voters(None)
    assert not voters.can_sign
    assert voters.recognise(voter.Voters(SECRET).sign("1234")) is None
    with pytest.raises(RuntimeError):
        voters.sign("1234")
