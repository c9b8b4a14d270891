"""Voter ids in signed cookies."""

import pytest

from vote.voter_id import VoterIds

SECRET = "a secret of the tests, long enough"
VOTER_ID = "0123456789abcdef0123456789abcdef"
# As version 1 signed it. Its voters have to be recognized.
COOKIE = f"{VOTER_ID}.eogwoFm-5QCXo6Gk4V9_Ds5TN_jUOErPP676X4usL2k"


def test_a_signed_id_is_recognized_by_every_replica_with_the_secret() -> None:
    voter_ids = VoterIds(SECRET)
    voter_id = voter_ids.create()
    assert VoterIds(SECRET).verify(voter_ids.sign(voter_id)) == voter_id
    assert voter_ids.create() != voter_id


def test_cookies_of_version_1_stay_valid() -> None:
    assert VoterIds(SECRET).verify(COOKIE) == VOTER_ID
    assert VoterIds(SECRET).sign(VOTER_ID) == COOKIE


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        "",
        ".",
        VOTER_ID,
        f"{VOTER_ID}.",
        f"1{COOKIE}",
        COOKIE.replace("eog", "eoh"),
        "\xff.\xff",
        VoterIds("another secret of the tests").sign(VOTER_ID),
    ],
)
def test_a_forged_cookie_belongs_to_nobody(cookie: str | None) -> None:
    assert VoterIds(SECRET).verify(cookie) is None


def test_without_a_secret_nobody_gets_a_cookie() -> None:
    voter_ids = VoterIds()
    assert not voter_ids.can_sign
    assert voter_ids.verify(COOKIE) is None
    with pytest.raises(RuntimeError):
        voter_ids.sign(VOTER_ID)
