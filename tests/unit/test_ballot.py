"""The ballot parser: whatever comes is a ballot or a reasoned refusal, never another exception."""

import json
import typing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common import ballot

OPTIONS = frozenset({"a", "b"})

plain_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
any_json = st.recursive(
    plain_values,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
legal_ids = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    min_size=1,
    max_size=ballot.MAX_LENGTH,
)
legal_ballots = st.builds(
    ballot.Ballot,
    legal_ids,
    st.sampled_from(sorted(OPTIONS)),
    st.none() | st.integers(0, ballot.MAX_CAST_AT - 1),
)


def parse_or_reason(message: bytes) -> ballot.Ballot | None:
    """The ballot, or None for a refusal with a text of one line."""
    try:
        parsed = ballot.parse(message, OPTIONS)
    except ballot.BallotError as error:
        assert str(error)
        assert len(str(error).splitlines()) == 1
        return None
    assert 0 < len(parsed.voter_id) <= ballot.MAX_LENGTH
    assert parsed.vote in OPTIONS
    assert parsed.cast_at is None or type(parsed.cast_at) is int
    assert ballot.parse(ballot.encode(parsed), OPTIONS) == parsed
    return parsed


@given(st.binary(max_size=300))
@example(b"")
@example(b"\xff\xfe")
@example(b"[" * ballot.MAX_BYTES)
@example(b'{"voter_id": "\\ud800", "vote": "a"}')
@example(b'{"voter_id": "1", "vote": "a", "cast_at": 1e400}')
@example(b'{"voter_id": "1", "vote": "a", "cast_at": NaN}')
def test_any_bytes(message: bytes) -> None:
    parse_or_reason(message)


@given(any_json)
def test_any_json(content: object) -> None:
    parse_or_reason(json.dumps(content).encode())


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "voter_id": st.just("7d2f") | any_json,
            "vote": st.sampled_from(["a", "b", "c", "A", ""]) | any_json,
            "cast_at": st.integers(-1, ballot.MAX_CAST_AT) | any_json,
            "other": any_json,
        },
    ),
    st.booleans(),
)
def test_almost_a_ballot(content: dict[str, object], ascii_only: bool) -> None:
    parsed = parse_or_reason(
        json.dumps(content, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    )
    if parsed:
        assert (parsed.voter_id, parsed.vote) == (content["voter_id"], content["vote"])
        assert parsed.cast_at == content.get("cast_at")
        assert (parsed.cast_at is None) == ("cast_at" not in content)


@given(legal_ballots, st.data())
def test_a_ballot_with_one_byte_changed(cast: ballot.Ballot, data: st.DataObject) -> None:
    message = bytearray(ballot.encode(cast))
    message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    parse_or_reason(bytes(message))


@given(legal_ballots)
def test_what_is_encoded_parses_to_itself(cast: ballot.Ballot) -> None:
    assert ballot.parse(ballot.encode(cast), OPTIONS) == cast


def test_the_form_on_the_wire() -> None:
    message = ballot.encode(ballot.Ballot("7d2f", "a", 1_764_000_000_000_000))
    assert json.loads(message) == {
        "voter_id": "7d2f",
        "vote": "a",
        "cast_at": 1_764_000_000_000_000,
    }
    assert "cast_at" not in json.loads(ballot.encode(ballot.Ballot("7d2f", "a")))


def test_a_message_of_the_classic_vote_page() -> None:
    message = b'{"voter_id": "1a2b3c4d5e6f708", "vote": "a"}'
    assert ballot.parse(message, OPTIONS) == ballot.Ballot("1a2b3c4d5e6f708", "a", None)


def test_unknown_keys_are_ignored() -> None:
    message = b'{"voter_id": "1", "vote": "b", "colour": {"deep": [1]}}'
    assert ballot.parse(message, OPTIONS) == ballot.Ballot("1", "b", None)


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "not JSON"),
        (b"vote=a", "not JSON"),
        (b'{"voter_id": "\xff", "vote": "a"}', "not JSON"),
        (b'{"voter_id": "\\ud800", "vote": "a"}', "not JSON"),
        (b"[" * 2000, "not JSON"),
        (b'["voter_id", "vote"]', "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'{"vote": "a"}', "voter_id is not"),
        (b'{"voter_id": "", "vote": "a"}', "voter_id is not"),
        (b'{"voter_id": 7, "vote": "a"}', "voter_id is not"),
        (b'{"voter_id": "a\\u0000b", "vote": "a"}', "NUL"),
        (b'{"voter_id": "1"}', "valid: a, b"),
        (b'{"voter_id": "1", "vote": "c"}', "valid: a, b"),
        (b'{"voter_id": "1", "vote": "A"}', "valid: a, b"),
        (b'{"voter_id": "1", "vote": ["a"]}', "valid: a, b"),
        (b'{"voter_id": "1", "vote": {}}', "valid: a, b"),
        (b'{"voter_id": "1", "vote": "a", "cast_at": true}', "cast_at"),
        (b'{"voter_id": "1", "vote": "a", "cast_at": null}', "cast_at"),
        (b'{"voter_id": "1", "vote": "a", "cast_at": 1.5}', "cast_at"),
        (b'{"voter_id": "1", "vote": "a", "cast_at": "1"}', "cast_at"),
        (b'{"voter_id": "1", "vote": "a", "cast_at": -1}', "cast_at"),
        (b'{"voter_id": "1", "vote": "a", "cast_at": 99999999999999999999}', "cast_at"),
    ],
)
def test_the_reason_names_what_is_wrong(message: bytes, reason: str) -> None:
    with pytest.raises(ballot.BallotError, match=reason):
        ballot.parse(message, OPTIONS)


def test_the_limits_are_exact() -> None:
    def parse(**change: typing.Any) -> ballot.Ballot | None:
        return parse_or_reason(json.dumps({"voter_id": "1", "vote": "a", **change}).encode())

    # Characters, as VARCHAR counts them: this one takes four bytes.
    assert parse(voter_id="🐈" * ballot.MAX_LENGTH)
    assert not parse(voter_id="🐈" * (ballot.MAX_LENGTH + 1))
    assert parse(cast_at=0)
    assert parse(cast_at=ballot.MAX_CAST_AT - 1)
    assert not parse(cast_at=ballot.MAX_CAST_AT)
    message = ballot.encode(ballot.Ballot("1", "a"))
    assert parse_or_reason(message.ljust(ballot.MAX_BYTES))
    assert not parse_or_reason(message.ljust(ballot.MAX_BYTES + 1))


def test_now_is_in_microseconds() -> None:
    year_2026, year_2100 = 1_767_225_600_000_000, 4_102_444_800_000_000
    assert year_2026 - 10**14 < ballot.now() < year_2100
