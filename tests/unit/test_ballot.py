"""Decoding: every message is a ballot or is refused with a reason, and nothing else happens."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.queue.message import MAX_BYTES, Ballot, BallotError, decode, encode


def decode_or_reason(message: bytes) -> Ballot | None:
    try:
        ballot = decode(message)
    except BallotError as error:
        assert error.kind in {"too_long", "malformed", "invalid"}
        assert str(error)
        return None
    assert decode(encode(ballot)) == ballot
    return ballot


def message(**changes: Any) -> bytes:
    return json.dumps({"voter_id": "7d2f", "vote": "a", **changes}).encode()


@given(st.binary(max_size=300))
@example(b"[" * MAX_BYTES)
@example(b'{"a":' * 800)
@example(b'{"voter_id": "1", "vote": "a", "cast_at": 1e400}')
def test_no_message_causes_another_error(content: bytes) -> None:
    decode_or_reason(content)


@given(
    st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=255
    ),
    st.integers(0, 2**53 - 1),
)
def test_an_encoded_ballot_decodes_to_itself(voter_id: str, cast_at: int) -> None:
    ballot = Ballot(voter_id, "z", cast_at)
    assert decode(encode(ballot)) == ballot


def test_the_form_on_the_wire() -> None:
    assert json.loads(encode(Ballot("7d2f", "a", 17, "3f9c"))) == {
        "voter_id": "7d2f",
        "vote": "a",
        "cast_at": 17,
        "poll": "3f9c",
    }


def test_a_classic_message_has_neither_time_nor_poll() -> None:
    classic = b'{"voter_id": "1a2b3c4d5e6f708", "vote": "a"}'
    assert decode(classic) == Ballot("1a2b3c4d5e6f708", "a")
    assert list(json.loads(encode(decode(classic)))) == ["voter_id", "vote"]


def test_unknown_keys_are_ignored() -> None:
    assert decode(message(colour={"deep": [1]})) == Ballot("7d2f", "a")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "malformed"),
        (b"vote=a", "malformed"),
        (b'{"voter_id": "\xff", "vote": "a"}', "malformed"),
        (b'{"voter_id": "\\ud800", "vote": "a"}', "malformed"),
        (b'["voter_id", "vote"]', "invalid"),
        (b"null", "invalid"),
        (b'{"vote": "a"}', "invalid"),
        (b'{"voter_id": "1"}', "invalid"),
        (message(voter_id=""), "invalid"),
        (message(voter_id=7), "invalid"),
        (message(voter_id="a\0b"), "invalid"),
        (message(voter_id="x" * 256), "invalid"),
        (message(vote="A"), "invalid"),
        (message(poll=7), "invalid"),
        (message(poll="a\0b"), "invalid"),
        (message(poll="x" * 65), "invalid"),
        (message(vote="ab"), "invalid"),
        (message(vote=["a"]), "invalid"),
        (message(cast_at=True), "invalid"),
        (message(cast_at=None), "invalid"),
        (message(cast_at="1"), "invalid"),
        (message(cast_at=1.5), "invalid"),
        (message(cast_at=-1), "invalid"),
        (message(cast_at=2**53), "invalid"),
        (message().ljust(MAX_BYTES + 1), "too_long"),
    ],
)
def test_what_can_never_be_stored_is_refused(content: bytes, kind: str) -> None:
    with pytest.raises(BallotError) as refused:
        decode(content)
    assert refused.value.kind == kind


def test_the_limits_are_exact() -> None:
    # Characters, as VARCHAR counts them: this one takes four bytes.
    assert decode(message(voter_id="🐈" * 255)).voter_id == "🐈" * 255
    assert decode(message(cast_at=2**53 - 1)).cast_at == 2**53 - 1
    assert decode(message().ljust(MAX_BYTES)) == Ballot("7d2f", "a")
