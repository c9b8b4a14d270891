import html
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from common.poll import Poll
from result.page import HERE, REFRESH, Page, qr_code, share
from tests import reader

NOW = datetime.now(UTC)
TWO = {"a": "Cats", "b": "Dogs"}
THREE = {**TWO, "c": "Parrots"}


def render(
    tallies: dict[str, int] | None,
    poll: Poll | None = None,
    *,
    language: str = "en",
    final: bool = False,
    degraded: bool = False,
) -> str:
    return Page(poll or Poll("Cats vs Dogs!", TWO), "https://vote.example/poll/?a=1&b=2").render(
        reader.request(accept_language=language),
        tallies=tallies,
        as_of=NOW if tallies else None,
        final=final,
        degraded=degraded,
    )


def rows(text: str) -> list[tuple[str, ...]]:
    """The table, which readers without JavaScript and screen readers get."""
    pattern = r"<tr data-id=.\w.><th[^>]*><bdi>(.*?)</bdi></th><td>(.*?)</td><td>(.*?)</td></tr>"
    return [tuple(map(html.unescape, row)) for row in re.findall(pattern, text)]


def total(text: str) -> str:
    found = re.search(r'<p id="total">(.*?)</p>', text)
    assert found
    return html.unescape(found[1])


@pytest.mark.parametrize(
    ("count", "of", "shown"),
    [
        (0, 0, "–"),  # noqa: RUF001
        (0, 10, "0.0%"),
        (1, 3, "33.3%"),
        (3, 3, "100.0%"),
        (1, 2_000, "<0.1%"),
        (1_999, 2_000, ">99.9%"),
    ],
)
def test_share(count: int, of: int, shown: str) -> None:
    assert share(count, of) == shown


@pytest.mark.parametrize("of", [3, 7, 2_000, 9_999])
def test_two_shares_add_up_to_a_hundred(of: int) -> None:
    for count in range(of + 1):
        shares = [share(count, of), share(of - count, of)]
        if all(each[0].isdigit() for each in shares):
            assert sum(int(each.rstrip("%").replace(".", "")) for each in shares) == 1_000


def test_two_options_keep_their_places() -> None:
    text = render({"a": 1, "b": 3})
    assert rows(text) == [("Cats", "25.0%", "1"), ("Dogs", "75.0%", "3")]
    assert total(text) == "4 votes"
    assert 'class="split" data-at="25.000%"' in text


def test_three_options_are_ranked_and_equal_ones_keep_their_order() -> None:
    text = render({"a": 5, "b": 1_234_567, "c": 5}, Poll("?", THREE))
    assert [name for name, _, _ in rows(text)] == ["Dogs", "Cats", "Parrots"]
    assert rows(text)[0] == ("Dogs", ">99.9%", "1,234,567")
    assert re.findall(r'class="bar" data-id="(\w)"', text) == ["b", "a", "c"]
    assert re.findall(r'class="rank">(\d)<', text) == ["1", "2", "2"]


def test_the_length_of_a_bar_is_the_share_of_all_votes() -> None:
    text = render({"a": 0, "b": 2, "c": 1}, Poll("?", THREE))
    assert re.findall(r'data-at="([^"]+)"', text) == ["66.667%", "33.333%", "0.000%"]
    text = render({"a": 0, "b": 0, "c": 0}, Poll("?", THREE))
    assert re.findall(r'data-at="([^"]+)"', text) == ["0.000%"] * 3


def test_no_votes_yet() -> None:
    text = render({"a": 0, "b": 0})
    assert total(text) == "No votes yet"
    assert rows(text) == [("Cats", "–", "0"), ("Dogs", "–", "0")]  # noqa: RUF001
    assert 'data-at="50.000%"' in text


def test_no_tallies() -> None:
    text = render(None)
    assert total(text) == "The votes cannot be read right now"
    assert rows(text) == [("Cats", "–", "–"), ("Dogs", "–", "–")]  # noqa: RUF001
    assert "data-as-of" not in text


@pytest.mark.parametrize("final", [False, True])
def test_closed(final: bool) -> None:
    text = render({"a": 0, "b": 0}, Poll("?", TWO, NOW - timedelta(minutes=1)), final=final)
    assert total(text) == "0 votes"
    assert " data-closed" in text
    assert ('id="final" hidden' in text) == (not final)
    assert "Voting closed at " in text


def test_the_page_reloads_itself_only_without_javascript() -> None:
    text = render({"a": 1, "b": 1})
    found = re.search(r"<noscript>(.*?)</noscript>", text, re.DOTALL)
    assert found
    assert f'<meta http-equiv="refresh" content="{REFRESH}">' in found[1]
    assert text.count("http-equiv") == 1


@pytest.mark.parametrize("degraded", [False, True])
def test_a_reader_without_javascript_sees_that_something_is_wrong(degraded: bool) -> None:
    text = render(None, degraded=degraded)
    notices = re.findall("<noscript>.*?</noscript>", text, re.DOTALL)
    assert ("unavailable" in "".join(notices)) == degraded


def test_the_vote_page_has_a_link_and_a_qr_code() -> None:
    text = render({"a": 1, "b": 1})
    assert '<a href="https://vote.example/poll/?a=1&amp;b=2">' in text
    assert ">vote.example/poll/?a=1&amp;b=2</span>" in text
    assert str(qr_code("https://vote.example/poll/?a=1&b=2")) in text
    assert "Scan to vote" in text
    assert "http://result.example:8080/" in Page(Poll("?", TWO)).render(
        reader.request(host="result.example:8081"), tallies=None
    )


def test_without_a_known_address_there_is_no_link() -> None:
    page, request = Page(Poll("?", TWO)), reader.request(scheme="https", host="result.example")
    text = page.render(request, tallies=None)
    assert "<svg" not in text
    assert "result.example" not in re.sub("<meta[^>]*>", "", text)


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"])
def test_an_address_that_no_phone_can_reach_is_text_without_a_qr_code(host: str) -> None:
    text = Page(Poll("?", TWO), f"http://{host}/").render(reader.request(), tallies=None)
    assert "<svg" not in text
    assert "Vote at" in text
    assert f">{host}</span>" in text


def test_the_qr_code_of_an_endless_host_is_not_drawn() -> None:
    page = Page(Poll("?", TWO))
    for length, is_drawn in ((253, True), (254, False), (3_000, False)):
        host = "h" * length
        text = page.render(reader.request(host=f"{host}:8081"), tallies=None)
        assert ("<svg" in text) == is_drawn
        assert host in text


def test_names_are_text() -> None:
    poll = Poll("</title><script>", {"a": "<b>", "b": '"&'})
    text = render({"a": 1, "b": 0}, poll)
    assert rows(text)[0][0] == "<b>"
    assert "<b>" not in text
    assert "<script>" not in text


def test_in_chinese() -> None:
    text = render({"a": 12_345, "b": 0}, language="zh-CN")
    assert total(text) == "12,345 票"
    assert "扫码投票" in text


def test_the_scripts_have_all_their_texts() -> None:
    common = Path(__file__).parents[2] / "common" / "static"
    scripts = [*(HERE / "static").glob("*.js"), *common.glob("*.js")]
    script = "".join(path.read_text() for path in scripts)
    (found,) = re.findall(r'id="texts">(.*?)</script>', render(None))
    texts = set(json.loads(found)) - {"plurals"}  # no text
    assert set(re.findall(r'text\("([^"]+)"', script)) <= texts
    assert not texts - set(re.findall(r'"([a-z ]+)"', script))
