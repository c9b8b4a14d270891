"""The options of the seed job: from the command line, else from the environment."""

import pytest

from seed import options


def test_defaults() -> None:
    chosen = options.parse([], {})
    assert (chosen.votes, chosen.split, chosen.url.url) == (3000, (2, 1), "http://localhost:8080")
    assert (chosen.verify, chosen.rate) == (None, None)


def test_environment() -> None:
    chosen = options.parse(
        [],
        {
            "SEED_VOTES": "12",
            "SEED_SPLIT": "1:2:3",
            "SEED_RATE": "2.5",
            "VOTE_URL": "http://vote",
            "RESULT_URL": "https://result.example/app/",
            "SEED_TIMEOUT": "",
        },
    )
    assert (chosen.votes, chosen.split, chosen.rate, chosen.timeout) == (12, (1, 2, 3), 2.5, 60)
    assert (chosen.url.host, chosen.url.port) == ("vote", 80)
    assert chosen.verify is not None
    assert (chosen.verify.host_header, chosen.verify.path) == ("result.example", "/app")
    assert (chosen.verify.port, chosen.verify.is_secure) == (443, True)


def test_a_host_name_in_any_script() -> None:
    chosen = options.parse(["--url", "http://müller.example:81"], {})
    assert (chosen.url.host, chosen.url.port) == ("xn--mller-kva.example", 81)
    assert chosen.url.host_header == "xn--mller-kva.example:81"


def test_the_command_line_goes_before_the_environment() -> None:
    environment = {"SEED_VOTES": "12", "SEED_URL": "http://a", "VOTE_URL": "http://b"}
    chosen = options.parse(["--votes", "7"], environment)
    assert (chosen.votes, chosen.url.host) == (7, "a")


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        (["--votes", "0"], {}, "'0' is not a whole number from 1 to"),
        (["--votes", "3k"], {}, "--votes: '3k' is not a whole number"),
        ([], {"SEED_VOTES": "-1"}, "SEED_VOTES: '-1' is not a whole number"),
        (["--split", "2/1"], {}, "like 2:1"),
        (["--split", "0:0"], {}, "gives no option a vote"),
        (["--split", ":".join(["1"] * 27)], {}, "there are at most 26 options"),
        (["--url", "localhost:8080"], {}, "like http://localhost:8080"),
        (["--url", "http://localhost:80800"], {}, "like http://localhost:8080"),
        (["--url", "http://localhost:0"], {}, "like http://localhost:8080"),
        (["--url", "http://a..b"], {}, "'http://a..b' is not a web address"),
        (["--url", f"http://{'a' * 64}.example"], {}, "is not a web address"),
        ([], {"RESULT_URL": "ftp://result"}, "RESULT_URL: 'ftp://result' is not a web address"),
        (["--rate", "0"], {}, "greater than 0"),
        (["--rate", "nan"], {}, "greater than 0"),
        (["--concurrency", "100000"], {}, "from 1 to 10000"),
        (["--timeout", "inf"], {}, "greater than 0"),
        (["--vote", "3"], {}, "unrecognized arguments"),
    ],
)
def test_mistakes_are_told_with_status_2(
    arguments: list[str],
    environment: dict[str, str],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        options.parse(arguments, environment)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err
