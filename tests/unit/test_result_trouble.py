"""What is wrong, as a reader without JavaScript is told it."""

import datetime
import typing

import pytest

from common import locale, template
from result import page, trouble

NOW = datetime.datetime(2026, 11, 24, 12, 0, 30, tzinfo=datetime.UTC)
MS = int(NOW.timestamp() * 1000)
UP = {"state": "up", "since": MS - 60_000, "refused": False}
AWAY = {"state": "away", "since": MS - 30_000, "refused": False}
ALIVE = {"name": "w1", "alive": True, "state": "idle"}
SILENT = {"name": "w2", "alive": False, "state": "idle"}
WAITS = {"name": "w3", "alive": True, "state": "waiting for postgres"}
UNKNOWN: dict[str, typing.Any] = {
    "waiting": None,
    "claimed": None,
    "workers": None,
    "vote_page": None,
}
BASE = {
    "as_of": MS - 40_000,
    "postgres": UP,
    "redis": UP,
    "waiting": 0,
    "claimed": 0,
    "workers": [ALIVE],
    "vote_page": True,
}
POSTGRES = "Postgres cannot be reached since 12:00:00 UTC"
VOTE = "The vote page is away: nobody can vote until it is back"
SEEN = "You are seeing results of 40 s ago"


def told(language: str = "en", *, closed: bool = False, **state: typing.Any) -> list[str]:
    chosen = locale.Locales().find(language)
    assert chosen
    texts = page.script_texts(chosen) | {"plurals": chosen.plurals}
    found = trouble.findings(BASE | state, NOW, closed=closed)
    return [template.say(texts, key, values) for key, values in found]


@pytest.mark.parametrize(
    ("state", "sentences"),
    [
        ({}, []),
        ({"waiting": 1_000}, []),
        ({"postgres": AWAY}, [POSTGRES, SEEN]),
        ({"postgres": AWAY, "as_of": None}, [POSTGRES]),
        (
            {"postgres": AWAY, "as_of": MS - 3_600_000},
            [POSTGRES, "You are seeing results of 1 h ago"],
        ),
        (
            {"postgres": AWAY, "waiting": 1, "claimed": 1_199},
            [POSTGRES, SEEN, "1,200 votes are waiting for Postgres, none is lost"],
        ),
        (
            {"postgres": AWAY, "redis": {"state": "unused", "refused": False}} | UNKNOWN,
            [POSTGRES, SEEN],
        ),
        (
            {"redis": AWAY | {"since": MS - 86_400_000}} | UNKNOWN,
            [
                "Redis cannot be reached since 2026-11-23 12:00:30 UTC: "
                "votes may be refused until it is back"
            ],
        ),
        (
            {"postgres": AWAY | {"refused": True}},
            ["Postgres refuses the password since 12:00:00 UTC", SEEN],
        ),
        (
            {"redis": AWAY | {"refused": True}} | UNKNOWN,
            [
                "Redis refuses the password of this page since 12:00:00 UTC: "
                "how many votes wait is not known"
            ],
        ),
        ({"workers": []}, ["The worker is away: new votes will wait, none is lost"]),
        (
            {"workers": [SILENT], "waiting": 1},
            ["The worker is away: 1 vote is waiting, it is not lost"],
        ),
        (
            {"workers": [ALIVE, SILENT]},
            ["w2 is silent: another worker takes over what it had"],
        ),
        (
            {"workers": [ALIVE, SILENT, SILENT | {"name": "w3"}]},
            ["w2, w3 are silent: others take over what they had"],
        ),
        (
            {"workers": [ALIVE, *(SILENT | {"name": name} for name in ("w2", "w3", "w4"))]},
            ["w2, w3, w4 are silent: others take over what they had"],
        ),
        (
            {"workers": [ALIVE, *[SILENT] * 4]},
            ["4 of 5 workers are silent: others take over what they had"],
        ),
        ({"workers": [WAITS], "claimed": 1}, ["1 vote is waiting for Postgres, it is not lost"]),
        ({"workers": None, "waiting": 1}, []),
        ({"vote_page": None}, []),
        ({"vote_page": False}, [VOTE]),
        (
            {"vote_page": False, "workers": []},
            [VOTE, "The worker is away: new votes will wait, none is lost"],
        ),
    ],
)
def test_what_is_told(state: dict[str, typing.Any], sentences: list[str]) -> None:
    assert told(**state) == sentences


def test_redis_away_after_the_end() -> None:
    (sentence,) = told(closed=True, redis=AWAY, **UNKNOWN)
    assert sentence.endswith("it may still hold votes that are to be counted")


def test_nobody_misses_the_vote_page_after_the_end() -> None:
    assert told(closed=True, vote_page=False) == []


def test_in_chinese() -> None:
    assert told("zh", postgres=AWAY) == [
        "从 12:00:00 UTC 起无法连接 Postgres",
        "你看到的是 40 秒前的结果",
    ]
