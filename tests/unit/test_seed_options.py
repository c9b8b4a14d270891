"""The options of the seed job: from the command line or else from the environment."""

import hypothesis
import hypothesis.strategies as st
import pytest

from seed.job import shares
from seed.options import parse


def test_defaults() -> None:
    options = parse([], {})
    assert (options.votes, options.split, options.url) == (3000, (2, 1), "http://localhost:8080")
    assert (options.verify, options.rate, options.concurrency) == (None, None, 64)


def test_environment() -> None:
    environment = {
        "SEED_VOTES": "12",
        "SEED_SPLIT": "1:2:3",
        "SEED_RATE": "2.5",
        "SEED_URL": "http://vote",
        "SEED_VERIFY": "https://result.example/app/",
        "SEED_TIMEOUT": "",
    }
    options = parse([], environment)
    assert (options.votes, options.split, options.rate) == (12, (1, 2, 3), 2.5)
    assert (options.url, options.verify) == ("http://vote", "https://result.example/app")
    assert options.timeout == 60


def test_the_command_line_overrides_the_environment() -> None:
    environment = {"SEED_VOTES": "12", "SEED_URL": "http://a"}
    options = parse(["--votes", "7"], environment)
    assert (options.votes, options.url) == (7, "http://a")


def test_a_rate_and_a_duration_give_the_number_of_votes() -> None:
    assert parse(["--rate=2.5", "--duration=120"], {}).votes == 300
    assert parse([], {"SEED_RATE": "0.1", "SEED_DURATION": "1"}).votes == 1


def test_a_duration_without_a_rate_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exited:
        parse(["--duration=10"], {})
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
    for arguments, environment in (
        ([f"--{option}", value], {}),
        ([], {f"SEED_{option.upper()}": value}),
    ):
        with pytest.raises(SystemExit) as exited:
            parse(arguments, environment)
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
