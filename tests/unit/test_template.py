"""What the templates of both pages have in common."""

import datetime
import json
import pathlib
import re

import jinja2
import pytest

import vote
from common import locale, poll, template
from tests import reader


@pytest.mark.parametrize(
    ("names", "size"),
    [
        (["Cats", "Dogs"], "s"),
        (["🐈", "🐕‍🦺"], "s"),
        (["猫", "狗"], "s"),
        (["Cats", "Parrots"], "m"),
        (["القطط 🐈", "犬と散歩 🐕‍🦺"], "m"),
        (["Guinea pigs", "x"], "m"),  # broken between the words
        (["Elderberries"], "l"),
        (["x", "Three words and more"], "m"),
        (["The quick brown fox jumps over the lazy dog and sleeps"], "xl"),
        (["猫" * 30], "xl"),
        (["x" * 200], "xxl"),
        (["word " * 40], "xxl"),
    ],
)
def test_all_names_have_the_size_of_the_largest(names: list[str], size: str) -> None:
    assert template.size(names) == size


@pytest.mark.parametrize(
    ("name", "letters"),
    [("dogs", 4), ("Dogs", 4.2), ("MAMMOTH", 9.9), ("🐕‍🦺", 2), ("猫", 2), ("القطط", 6.2)],
)
def test_capitals_are_broader_than_other_letters(name: str, letters: float) -> None:
    assert template.letters([name, "x"]) == letters


@pytest.mark.parametrize(
    ("names", "word"),
    [
        (["Cats", "Dogs"], 6),
        (["Parrots", "x"], 8),
        (["COMMODORE", "x"], 13),
        (["Guinea pigs"], 7),  # broken between the words
        (["Baden-Baden"], 6),
        (["猫" * 30], 6),
        (["猫 Parrots猫"], 8),
        (["x" * 31], 34),
        (["X" * 30], 38),
        (["x" * 39], None),
        ([""], 6),
    ],
)
def test_the_widest_word_of_all(names: list[str], word: int | None) -> None:
    assert template.word(names) == word


def test_the_style_sheet_has_a_rule_for_each_width_of_a_word() -> None:
    sheet = (pathlib.Path(vote.__file__).parent / "static" / "vote.css").read_text()
    rules = re.findall(r'^\[data-word="(\d+)"\] { --word: (\d+); }$', sheet, re.MULTILINE)
    assert [(int(most), int(word)) for most, word in rules] == [(n, n) for n in template.WORDS]


def test_moments() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=1))
    moment = datetime.datetime(2026, 11, 24, 20, 0, 0, 500_000, zone)
    assert template.iso(moment) == "2026-11-24T19:00:00Z"
    assert template.milliseconds(moment) == 1_795_546_800_500


def test_options_have_colours_in_turn() -> None:
    options = tuple(poll.Option(letter, letter) for letter in "abcdefghij")
    data = template.option_data(poll.Poll("?", options))
    assert [each["hue"] for each in data] == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1]
    assert data[9] == {"id": "j", "name": "j", "hue": 1}


@pytest.fixture
def templates(tmp_path: pathlib.Path) -> template.Templates:
    """A service with one page."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "static").mkdir()
    (tmp_path / "templates" / "page.html").write_text(
        '{% extends "base.html" %}{% from "base.html" import languages with context %}'
        "{% block body %}<p>{{ given }}</p>{{ languages() }}{% endblock %}"
    )
    return template.Templates(
        tmp_path,
        template.assets(tmp_path),
        locale.Locales(),
        lambda chosen: {"again": chosen.gettext("Try again")},
    )


ASKED = poll.Poll('<script>alert("title")</script>', (poll.Option("a", "Cats"),))


def test_page_in_a_language(templates: template.Templates) -> None:
    asked = reader.request(scheme="https", host="vote.example", accept_language="zh")
    html = templates.render("page.html", asked, poll=ASKED, given="x")
    assert '<html lang="zh-Hans" dir="ltr">' in html
    assert re.search(r'content="https://vote\.example/static/preview\.[0-9a-f]{8}\.png"', html)
    found = re.search(r'<script type="application/json" id="texts">(.*)</script>', html)
    assert found
    texts = json.loads(found[1])
    assert texts["again"] == "再试一次"
    assert texts["closes in"] == "距投票结束 {time}"
    assert texts["days"] == ["{n} 天"]
    assert set(texts["plurals"]) == {"0"}
    assert '<a href="?lang=en" lang="en" hreflang="en">English</a>' in html
    assert "?lang=zh-Hans" not in html  # the page is in it already


def test_nothing_given_is_markup(templates: template.Templates) -> None:
    html = templates.render("page.html", reader.request(), poll=ASKED, given="<b>'\"&")
    assert "<p>&lt;b&gt;&#39;&#34;&amp;</p>" in html
    assert "<script>" not in html


def test_no_script_and_no_style_in_the_page(templates: template.Templates) -> None:
    """The policy (common/security.py) allows the page's own style sheet; data is no script."""
    html = templates.render("page.html", reader.request(), poll=ASKED, given="x")
    assert re.findall(r"<script[^>]*>", html) == ['<script type="application/json" id="texts">']
    assert "<style" not in html
    assert not re.search(r"\s(style|on\w+)=", html)


def test_a_mistake_in_a_template_is_not_silent(templates: template.Templates) -> None:
    with pytest.raises(jinja2.UndefinedError):
        templates.render("page.html", reader.request(), poll=ASKED)
