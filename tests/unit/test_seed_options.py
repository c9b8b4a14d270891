"""The options of the seed job."""

import hypothesis
import hypothesis.strategies as st
import pytest

from seed.job import shares
from seed.options import OPTIONS, parse


def test_defaults() -> None:
    options = parse([])
    assert (options.votes, options.split, options.url) == (3000, (2, 1), "http://localhost:8080")
    assert (options.verify, options.rate, options.concurrency) == (None, None, 64)


def test_the_command_line() -> None:
    options = parse(
        [
            *("--votes=12", "--split=1:2:3", "--rate", "2.5"),
            *("--url=http://vote", "--verify=https://result.example/app/"),
        ]
    )
    assert (options.votes, options.split, options.rate) == (12, (1, 2, 3), 2.5)
    assert (options.url, options.verify) == ("http://vote", "https://result.example/app")


@pytest.mark.parametrize("name", [name for name, *_ in OPTIONS])
def test_a_variable_of_an_earlier_version_names_its_option(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(f"SEED_{name.upper()}", "1")
    with pytest.raises(SystemExit) as exited:
        parse([])
    assert exited.value.code == 2
    assert f"use the option --{name}\n" in capsys.readouterr().err


def test_a_rate_and_a_duration_give_the_number_of_votes() -> None:
    assert parse(["--rate=2.5", "--duration=120"]).votes == 300
    assert parse(["--rate=0.1", "--duration=1"]).votes == 1


def test_a_duration_without_a_rate_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        parse(["--duration=10"])
    assert exited.value.code == 2
    assert "--duration needs --rate" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("votes", "0"),
        ("split", "0:0"),
        ("split", "2:-1"),
        ("split", ":".join(["1"] * 27)),
        ("url", "localhost:8080"),
        ("url", "http://localhost:80800"),
        ("verify", "ftp://result"),
        ("rate", "nan"),
        ("duration", "0"),
        ("concurrency", "100000"),
    ],
)
def test_mistakes_exit_with_status_2(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        parse([f"--{option}", value])
    assert exited.value.code == 2
    assert repr(value) in capsys.readouterr().err


@hypothesis.given(
    votes=st.integers(1, 2000),
    split=st.lists(st.integers(0, 50), min_size=1, max_size=26).filter(any),
)
def test_shares_are_proportional(votes: int, split: list[int]) -> None:
    counts = shares(votes, tuple(split))
    assert counts.total() == votes
    for option, part in zip("abcdefghijklmnopqrstuvwxyz", split, strict=False):
        assert abs(counts[option] - votes * part / sum(split)) < 1
