import html
import json
import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from common.poll import Poll
from common.templating import HUES, version_hue
from tests import reader
from vote.page import HERE, Page

NOW = datetime.now(UTC)
OPTIONS = {"a": "Cats", "b": "Dogs"}
ENDED = Poll("?", OPTIONS, NOW - timedelta(seconds=1))


def render(
    poll: Poll | None = None, language: str = "en", state: str = "open", **given: str | None
) -> str:
    page = Page(poll or Poll("Cats vs Dogs!", OPTIONS), "replica-7")
    return page.render(reader.request(accept_language=language), state=state, **given)


def notice(text: str) -> str:
    found = re.search(r'<p id="notice"[^>]*>(.*?)</p>', text, re.DOTALL)
    assert found
    return html.unescape(re.sub("</?bdi>", "", found[1]))


def marks(text: str) -> dict[str, str]:
    return dict(re.findall(r'value="(\w)"[^>]*data-mark="(\w+)"', text))


@pytest.mark.parametrize(
    ("state", "choice", "tried", "words", "marked"),
    [
        ("open", None, None, "Tap your choice", {}),
        ("open", "z", None, "Tap your choice", {}),
        ("open", "a", None, "Your vote for Cats is in", {"a": "recorded"}),
        ("unavailable", None, None, "Votes cannot be recorded right now", {}),
        ("unavailable", "a", None, "Votes cannot be recorded right now", {"a": "recorded"}),
        (
            *("not_taken", "a", "b", "Your vote for Dogs was not recorded"),
            {"a": "recorded", "b": "failed"},
        ),
        ("unsure", None, "b", "Your vote for Dogs may not have been recorded", {"b": "failed"}),
        ("unknown_option", None, None, "the poll does not have this option", {}),
        ("changed", "a", None, "the poll has changed", {"a": "recorded"}),
        ("bad_request", None, None, "Please use a button", {}),
        ("cross_site", None, None, "Please use a button", {}),
    ],
)
def test_each_state_of_an_open_poll(
    state: str, choice: str | None, tried: str | None, words: str, marked: dict[str, str]
) -> None:
    text = render(state=state, choice=choice, tried=tried)
    assert words in notice(text)
    assert marks(text) == marked
    assert ("hidden>Try again" in text) == ("failed" not in marked.values())
    assert "disabled" not in text
    assert "Served by replica-7" in text


@pytest.mark.parametrize(
    ("state", "choice", "tried", "words", "marked"),
    [
        ("unavailable", "b", None, "Your vote for Dogs is in", {"b": "recorded"}),
        ("closed", "b", "b", "Your vote for Dogs is in", {"b": "recorded"}),
        ("closed", None, "a", "Your vote for Cats came too late", {"a": "failed"}),
        ("closed", None, "z", "", {}),
        (
            *(
                "closed",
                "b",
                "a",
                "Your vote for Cats came too late. Your earlier vote for Dogs counts",
            ),
            {"a": "failed", "b": "recorded"},
        ),
        ("unsure", None, "a", "Your vote for Cats may not have been recorded", {}),
    ],
)
def test_each_state_of_a_closed_poll(
    state: str, choice: str | None, tried: str | None, words: str, marked: dict[str, str]
) -> None:
    text = render(ENDED, state=state, choice=choice, tried=tried)
    assert notice(text).startswith("Voting has closed.")
    assert words in notice(text)
    assert marks(text) == marked
    assert 'data-state="closed"' in text
    assert len(re.findall(r"<button class=.option.[^>]* disabled>", text)) == 2
    assert "hidden>Try again" in text


@pytest.mark.parametrize(
    ("result_url", "link"),
    [
        (None, "http://vote.example:8081/"),
        ("https://result.example/?present&a=1", "https://result.example/?present&amp;a=1"),
    ],
)
def test_only_a_closed_poll_links_to_its_result(result_url: str | None, link: str) -> None:
    for poll, hidden in ((Poll("?", OPTIONS), " hidden"), (ENDED, "")):
        text = Page(poll, "replica-7", result_url).render(reader.request())
        assert f'<a id="result" href="{link}"{hidden}>' in text


def test_there_is_no_link_to_an_unknown_result() -> None:
    text = Page(ENDED, "replica-7").render(reader.request(host="vote.example"))
    assert "See the result" not in text


def test_the_closing_time_is_shown() -> None:
    closes_at = datetime(2100, 1, 2, 20, 30, tzinfo=UTC)
    text = render(Poll("?", OPTIONS, closes_at))
    assert 'datetime="2100-01-02T20:30:00Z">Voting closes at 2100-01-02 20:30 UTC</time>' in text
    assert f'data-closes-at="{int(closes_at.timestamp() * 1000)}"' in text
    assert "<time" not in render()


def test_names_are_text_and_isolated() -> None:
    options = {"a": '<img src=x onerror="1">{kept}', "b": "שלום & عالم"}
    text = render(Poll("<title>", options), choice="a")
    assert "<img" not in text
    assert '<span class="name" dir="auto">שלום &amp; عالم</span>' in text
    assert "<bdi>&lt;img src=x onerror=&#34;1&#34;&gt;{kept}</bdi> is in." in text


def test_nothing_in_the_page_needs_an_exception_from_the_policy() -> None:
    text = render()
    assert "<style" not in text
    assert not re.search(r"\s(style|on\w+)=", text)
    assert re.findall(r"<script(?![^>]* src=)[^>]*>", text) == [
        '<script type="application/json" id="texts">'
    ]


def test_in_chinese() -> None:
    text = render(language="zh-CN", choice="a")
    assert '<html lang="zh-Hans" dir="ltr">' in text
    assert notice(text) == "你投给了“Cats”。\n可以更改。"
    assert '<a href="?lang=en" lang="en" hreflang="en">English</a>' in text


def test_the_scripts_have_all_their_texts() -> None:
    common = Path(__file__).parents[2] / "common" / "static"
    scripts = [HERE / "static" / "vote.js", *common.glob("*.js")]
    script = "".join(path.read_text() for path in scripts)
    (texts,) = re.findall(r'id="texts">(.*?)</script>', render())
    unused = set(json.loads(texts)) - set(re.findall(r'"([a-z_ ]+)"', script))
    assert unused == {"malformed", "plurals"}  # the server's, and no text


def test_the_page_has_the_color_of_its_version() -> None:
    def hues(version: str) -> set[str]:
        page = Page(Poll("?", OPTIONS), "replica-7", version=version)
        text = page.render(reader.request())
        return set(re.findall(r'<(?:header|footer) data-hue="(\d)"', text))

    assert hues("0.2.0") == {str(version_hue("0.2.0"))} != hues("0.3.0")


def test_versions_in_a_row_have_different_colors() -> None:
    versions = [f"0.{minor}.{patch}" for minor in range(10) for patch in range(10)] + ["1.0.0"]
    hues = [version_hue(version) for version in versions]
    assert all(one != other for one, other in pairwise(hues))
    assert set(hues) == set(range(2, 8))


def test_text_on_each_color_is_legible() -> None:
    style = (Path(__file__).parents[2] / "common" / "static" / "base.css").read_text()
    colors = re.findall(r'data-hue="\d"\] { --hue: (#\w{6}); --on-hue: (#\w{6}); }', style)
    assert len(colors) == HUES
    for pair in colors:
        dark, light = sorted(map(luminance, pair))
        assert (light + 0.05) / (dark + 0.05) >= 4.5  # WCAG 2.2, level AA


def luminance(colour: str) -> float:
    """Return the relative luminance as WCAG 2.2 defines it."""
    values = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
