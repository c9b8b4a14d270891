"""The vote page in each state, as the server draws it."""

import datetime
import html
import re

import pytest

from common import locale, poll, template
from tests import reader
from vote import page

NOW = datetime.datetime.now(datetime.UTC)
OPTIONS = (poll.Option("a", "Cats"), poll.Option("b", "Dogs"))


def drawn(
    asked: poll.Poll | None = None, language: str = "en", state: str = "open", **given: str | None
) -> str:
    served = page.Page(asked or poll.Poll("Cats vs Dogs!", OPTIONS), "replica-7")
    made = served.render(reader.request(accept_language=language), state=state, **given)
    text = made.html.decode()
    assert f"<style>{page.ASSETS.text('vote.css')}</style>" in text
    return re.sub("<style>.*?</style>", "", text, flags=re.DOTALL)


def notice(text: str) -> str:
    found = re.search(r'<p id="notice"[^>]*>(.*?)</p>', text, re.DOTALL)
    assert found
    return html.unescape(re.sub("</?bdi>", "", found[1]))


def pressed(text: str) -> list[str]:
    return re.findall(r'value="(\w)"[^>]*aria-pressed="true"', text)


def marked(text: str) -> list[tuple[str, str]]:
    return re.findall(r'value="(\w)"[^>]*data-mark="(\w+)"', text)


@pytest.mark.parametrize(
    ("state", "choice", "tried", "words", "tone", "marks"),
    [
        ("open", None, None, "Tap your choice.\nYou can change it later.", "quiet", []),
        ("open", "z", None, "Tap your choice.\nYou can change it later.", "quiet", []),
        (
            *("open", "a", None, "Your vote for Cats is in.\nYou can change it.", "good"),
            [("a", "taken")],
        ),
        (
            *("away", None, None),
            *("Votes cannot be taken right now.\nPlease wait a moment.", "bad", []),
        ),
        (
            *("away", "a", None),
            *("Votes cannot be taken right now.\nPlease wait a moment.", "bad", [("a", "taken")]),
        ),
        ("not_taken", None, "b", "Your vote for Dogs was not taken.", "bad", [("b", "failed")]),
        (
            *("not_taken", "a", "b", "Your vote for Dogs was not taken.", "bad"),
            [("a", "taken"), ("b", "failed")],
        ),
        ("not_taken", "a", "a", "Your vote for Cats was not taken.", "bad", [("a", "failed")]),
        (
            *("unknown_option", None, "z"),
            "Not taken: this is not an option of the poll.\nChoose one of these.",
            *("bad", []),
        ),
        (
            *("bad_request", "a", None),
            "Not taken: a vote is cast with a button of this page.",
            *("bad", [("a", "taken")]),
        ),
        (
            *("cross_site", None, "a"),
            "Not taken: a vote is cast with a button of this page.",
            *("bad", []),
        ),
    ],
)
def test_states(
    state: str,
    choice: str | None,
    tried: str | None,
    words: str,
    tone: str,
    marks: list[tuple[str, str]],
) -> None:
    text = drawn(state=state, choice=choice, tried=tried)
    assert notice(text) == words
    assert f'data-tone="{tone}"' in text
    assert marked(text) == marks
    has_failed = any(mark == "failed" for _, mark in marks)
    assert ("hidden>Try again" in text) == (not has_failed)
    assert "disabled" not in text
    assert "Served by replica-7" in text


@pytest.mark.parametrize(
    ("state", "choice", "tried", "words", "marks"),
    [
        ("closed", None, None, "", []),
        ("open", None, "a", "", []),
        ("away", None, None, "", []),
        ("away", "b", None, "Your vote for Dogs is in.", [("b", "taken")]),
        ("closed", "b", None, "Your vote for Dogs is in.", [("b", "taken")]),
        ("closed", "b", "b", "Your vote for Dogs is in.", [("b", "taken")]),
        ("closed", None, "a", "Your vote for Cats came too late.", [("a", "failed")]),
        ("not_taken", None, "a", "Your vote for Cats came too late.", [("a", "failed")]),
        (
            *("closed", "b", "a"),
            "Your vote for Cats came too late, your vote for Dogs counts.",
            [("a", "failed"), ("b", "taken")],
        ),
        ("unsure", None, "a", "No answer: your vote for Cats may not have been taken.", []),
        ("closed", None, "z", "", []),
    ],
)
def test_closed(
    state: str, choice: str | None, tried: str | None, words: str, marks: list[tuple[str, str]]
) -> None:
    asked = poll.Poll("?", OPTIONS, NOW - datetime.timedelta(seconds=1))
    text = drawn(asked, state=state, choice=choice, tried=tried)
    assert notice(text) == f"Voting has closed.\n{words}".strip()
    assert marked(text) == marks
    assert pressed(text) == ([choice] if choice else [])
    assert 'data-state="closed"' in text
    assert len(re.findall(r"<button class=.option.[^>]* disabled>", text)) == 2
    assert "hidden>Try again" in text
    assert "Voting closed at " in text


@pytest.mark.parametrize(
    ("result_url", "link"),
    [
        (None, "http://vote.example:8081/"),
        ("https://result.example/?present&a=1", "https://result.example/?present&amp;a=1"),
    ],
)
def test_only_a_closed_poll_leads_to_its_result(result_url: str | None, link: str) -> None:
    for closes_at, hidden in ((None, " hidden"), (NOW - datetime.timedelta(seconds=1), "")):
        served = page.Page(poll.Poll("?", OPTIONS, closes_at), "replica-7", result_url)
        text = served.render(reader.request()).html.decode()
        assert f'<a id="result" href="{link}"{hidden}>See the result</a>' in text


def test_no_link_where_the_result_is_not_known() -> None:
    served = page.Page(poll.Poll("?", OPTIONS, NOW), "replica-7")
    text = served.render(reader.request(scheme="https", host="vote.example")).html.decode()
    assert "See the result" not in text


def test_before_it_closes() -> None:
    closes_at = datetime.datetime(2100, 1, 2, 20, 30, tzinfo=datetime.UTC)
    text = drawn(poll.Poll("?", OPTIONS, closes_at))
    assert '<time id="closing" datetime="2100-01-02T20:30:00Z">' in text
    assert "Voting closes at 2100-01-02 20:30 UTC</time>" in text
    assert f'data-closes-at="{int(closes_at.timestamp() * 1000)}"' in text
    assert "disabled" not in text


def test_without_a_closing_time() -> None:
    assert "<time" not in drawn()


def test_names_are_text() -> None:
    options = (poll.Option("a", '<img src=x onerror="1">'), poll.Option("b", "שלום & عالم"))
    text = drawn(poll.Poll("<title>", options), choice="a")
    assert "<img" not in text
    assert "&lt;img src=x onerror=&#34;1&#34;&gt;" in text
    assert '<span class="name" dir="auto">שלום &amp; عالم</span>' in text
    assert notice(text).startswith('Your vote for <img src=x onerror="1"> is in.')
    assert "<bdi>&lt;img src=x onerror=&#34;1&#34;&gt;</bdi> is in." in text


def test_long_name_is_cut_in_the_sentence_alone() -> None:
    name = "long " * 40
    text = drawn(poll.Poll("?", (poll.Option("a", name), OPTIONS[1])), choice="a")
    assert notice(text).startswith(f"Your vote for {name[:39]}… is in.")
    assert name in text


def test_name_that_is_cut_turns_nothing_round() -> None:
    options = (poll.Option("a", "\u202e" + "x" * 50 + "\u202c"), OPTIONS[1])
    text = drawn(poll.Poll("?", options), choice="a")
    assert notice(text).startswith(f"Your vote for {'x' * 38}… is in.")
    assert f">{options[0].name}</span>" in text


@pytest.mark.parametrize(
    ("count", "shape"),
    [(2, "tiles"), (4, "tiles"), (5, "rows"), (9, "rows"), (10, "list"), (26, "list")],
)
def test_shape(count: int, shape: str) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"[:count]
    text = drawn(poll.Poll("?", tuple(poll.Option(letter, letter) for letter in letters)))
    assert f'data-shape="{shape}"' in text
    assert re.findall(r'name="vote" value="(\w)"', text) == list(letters)


def test_in_chinese() -> None:
    text = drawn(language="zh-CN", choice="a")
    assert '<html lang="zh-Hans"' in text
    assert notice(text) == "你投给了“Cats”。\n可以更改。"


def test_script_and_texts_agree() -> None:
    scripts = "".join(
        (folder / "static" / name).read_text()
        for folder, name in ((page.HERE, "vote.js"), (template.HERE, "countdown.js"))
    )
    texts = set(page.script_texts(next(iter(locale.Locales()))))
    assert set(re.findall(r'text\("([^"]+)"', scripts)) <= texts | {"closes in", "closed at"}
    unused = texts - set(re.findall(r'"([a-z ]+)"', scripts))
    # Said by the server alone: the form of a script is right.
    assert unused == {"malformed"}
