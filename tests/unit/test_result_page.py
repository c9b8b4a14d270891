"""The result page as the server draws it, and what it shows there."""

import datetime
import html
import re
import xml.etree.ElementTree

import pytest
import segno

from common import locale, poll, template
from result import page
from tests import reader

NOW = datetime.datetime.now(datetime.UTC)
TWO = (poll.Option("a", "Cats"), poll.Option("b", "Dogs"))
THREE = (*TWO, poll.Option("c", "Parrots"))


def drawn(
    tallies: dict[str, int] | None,
    asked: poll.Poll | None = None,
    *,
    language: str = "en",
    final: bool = False,
    vote_url: str | None = "https://vote.example/",
) -> str:
    shown = page.Page(asked or poll.Poll("Cats vs Dogs!", TWO), vote_url)
    text = shown.render(
        reader.request(accept_language=language), tallies, NOW if tallies else None, final
    )
    assert f"<style>{page.ASSETS.text('result.css')}</style>" in text
    return re.sub("<style>.*?</style>", "", text, flags=re.DOTALL)


def rows(text: str) -> list[tuple[str, ...]]:
    """The table, which is what there is without JavaScript and for screen readers."""
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
        (2, 3, "66.7%"),
        (3, 3, "100.0%"),
        (1, 10_000_000, "<0.1%"),
        (9_999_999, 10_000_000, ">99.9%"),
        (1, 2_000, "<0.1%"),
        (1_999, 2_000, ">99.9%"),
        (1, 1_999, "0.1%"),
        (10_000_000, 20_000_000, "50.0%"),
    ],
)
def test_share(count: int, of: int, shown: str) -> None:
    assert page.share(count, of) == shown


@pytest.mark.parametrize("of", [3, 7, 2_000, 9_999])
def test_two_shares_make_a_hundred(of: int) -> None:
    for count in range(of + 1):
        shares = [page.share(count, of), page.share(of - count, of)]
        if all(share[0].isdigit() for share in shares):
            tenths = sum(int(share.rstrip("%").replace(".", "")) for share in shares)
            assert tenths == 1_000, shares


def test_two_options_stay_in_their_places() -> None:
    text = drawn({"a": 1, "b": 3})
    assert rows(text) == [("Cats", "25.0%", "1"), ("Dogs", "75.0%", "3")]
    assert total(text) == "4 votes"
    assert 'class="split" data-at="25.000%"' in text


def test_more_are_ranked_and_equals_keep_their_order() -> None:
    text = drawn({"a": 5, "b": 1_234_567, "c": 5}, poll.Poll("?", THREE))
    assert [name for name, _, _ in rows(text)] == ["Dogs", "Cats", "Parrots"]
    assert rows(text)[0] == ("Dogs", ">99.9%", "1,234,567")
    assert 'class="split"' not in text
    assert re.findall(r'data-id="(\w)" data-hue="(\d)" data-part="([\d.]+)%"', text) == [
        ("b", "1", "100.000"),
        ("a", "0", "0.000"),
        ("c", "2", "0.000"),
    ]


@pytest.mark.parametrize(
    ("long", "short", "lines", "widest"),
    [(1, 9, 2, 21), (1, 10, 1, 20), (6, 20, 1, 20), (7, 19, 2, 21), (26, 0, 2, 21)],
)
def test_few_long_names_among_many_are_cut(long: int, short: int, lines: int, widest: int) -> None:
    names = ["x" * 21] * long + ["x" * 20] * short
    assert page.lines(names) == lines
    options = tuple(map(poll.Option, "abcdefghijklmnopqrstuvwxyz", names))
    assert f' data-letters="{widest}" data-digits="1" data-lines="{lines}"' in drawn(
        {}, poll.Poll("?", options)
    )


def test_no_votes_yet() -> None:
    text = drawn({"a": 0, "b": 0})
    assert total(text) == "No votes yet"
    assert rows(text) == [("Cats", "–", "0"), ("Dogs", "–", "0")]  # noqa: RUF001
    assert 'class="split" data-at="50.000%"' in text
    assert " data-empty" in text


def test_no_tally_could_be_read() -> None:
    text = drawn(None)
    assert total(text) == "The votes cannot be read right now"
    assert rows(text) == [("Cats", "–", "–"), ("Dogs", "–", "–")]  # noqa: RUF001
    assert "data-as-of" not in text


def test_option_that_is_not_in_the_tallies_has_no_votes() -> None:
    assert rows(drawn({"b": 2})) == [("Cats", "0.0%", "0"), ("Dogs", "100.0%", "2")]


@pytest.mark.parametrize("final", [False, True])
def test_closed(final: bool) -> None:
    asked = poll.Poll("?", TWO, NOW - datetime.timedelta(minutes=1))
    text = drawn({"a": 0, "b": 0}, asked, final=final)
    assert total(text) == "0 votes"
    assert " data-closed" in text
    assert (" data-final" in text) == final
    assert ('id="final" hidden' in text) == (not final)
    assert "Voting closed at " in text


def test_refreshes_itself_only_without_script() -> None:
    text = drawn({"a": 1, "b": 1})
    found = re.search(r"<noscript>(.*?)</noscript>", text, re.DOTALL)
    assert found
    assert f'<meta http-equiv="refresh" content="{page.REFRESH}">' in found[1]
    assert text.count("http-equiv") == 1


def test_vote_url_is_shown_and_drawn() -> None:
    text = drawn({"a": 1, "b": 1}, vote_url="https://vote.example/poll/?a=1&b=2")
    assert '<a href="https://vote.example/poll/?a=1&amp;b=2">' in text
    found = re.search(r'<span class="where" dir="ltr">(.*)</span>', text)
    assert found
    assert re.sub("</?(span|wbr)>", "", found[1]) == "vote.example/poll/?a=1&amp;b=2"
    assert str(page.qr_code("https://vote.example/poll/?a=1&b=2")) in text


@pytest.mark.parametrize(
    ("url", "pieces"),
    [
        ("http://192.168.1.7:8080/", ["192", ".168", ".1", ".7", ":8080"]),
        ("https://vote.example/", ["vote", ".example"]),
        ("http://[fe80::1]:8080/", ["[fe80", ":", ":1]", ":8080"]),
        ("https://a/cats//dog-s/?b=1&c", ["a/", "cats//", "dog", "-s/", "?b=1", "&c"]),
    ],
)
def test_between_which_pieces_an_address_may_be_broken(url: str, pieces: list[str]) -> None:
    assert page.pieces(url) == pieces


def test_qr_code_has_the_modules_of_its_content() -> None:
    """Drawn back from the SVG: each dark run of a row is one stroke `h`, each step one `m`."""
    content = "http://192.168.178.20:8080/"
    drawing = xml.etree.ElementTree.fromstring(str(page.qr_code(content)))
    (path,) = drawing.iter("path")
    size = int(drawing.attrib["viewBox"].split()[2])
    border = 2
    dark: set[tuple[int, int]] = set()
    x = y = 0.0
    for step, first, second in re.findall(
        r"([Mmh])\s*(-?[\d.]+)(?:[ ,]?(-?[\d.]+))?", path.attrib["d"]
    ):
        if step == "h":
            dark |= {(round(x) + each, int(y)) for each in range(int(first))}
            x += int(first)
        elif step == "M":
            x, y = float(first), float(second)
        else:
            x, y = x + float(first), y + float(second)
    code = segno.make_qr(content, error="m")
    wanted = {
        (column + border, row + border)
        for row, modules in enumerate(code.matrix)
        for column, module in enumerate(modules)
        if module
    }
    assert dark == wanted
    assert size == len(code.matrix) + 2 * border


def test_names_are_text() -> None:
    options = (poll.Option("a", "<b>"), poll.Option("b", '"&'))
    text = drawn({"a": 1, "b": 0}, poll.Poll("</title><script>", options))
    assert rows(text)[0][0] == "<b>"
    assert "<b>" not in text
    assert "<script>" not in text


def test_in_chinese() -> None:
    text = drawn({"a": 12_345, "b": 0}, language="zh-CN")
    assert total(text) == "12,345 票"
    assert "扫码投票" in text


def test_scripts_and_texts_agree() -> None:
    scripts = "".join(
        path.read_text()
        for folder in (page.HERE, template.HERE)
        for path in (folder / "static").glob("*.js")
    )
    texts = set(page.script_texts(next(iter(locale.Locales()))))
    common = {"closes in", "closed at", "days"}
    assert set(re.findall(r'text\("([^"]+)"', scripts)) <= texts | common
    assert not texts - set(re.findall(r'"([a-z ]+)"', scripts))
