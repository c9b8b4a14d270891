"""Languages: which one a reader gets, plural forms, and that a further one is one file."""

import pathlib
import time

import pytest
from starlette.responses import Response

from common import catalogue, locale
from tests import reader

POLISH = r"""
msgid ""
msgstr ""
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : "
"n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);\n"

msgid "English"
msgstr "Polski"

msgid "{n} vote"
msgid_plural "{n} votes"
msgstr[0] "{n} głos"
msgstr[1] "{n} głosy"
msgstr[2] "{n} głosów"
"""


def written(folder: pathlib.Path, language: str, text: str) -> None:
    path = folder / language / "LC_MESSAGES" / "voting.po"
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")


@pytest.fixture
def locales() -> locale.Locales:
    return locale.Locales()


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("zh-SG", "zh-Hans"),
        ("zh-TW", "zh-Hans"),  # a relative is better than a foreign language
        ("fr,zh-CN;q=0.5", "zh-Hans"),
        ("en;q=0.1, zh-CN;q=0.9", "zh-Hans"),
        ("zh-CN;q=0, en;q=0.1", "en"),
        ("fr-CH, de;q=0.7", "en"),
        ("*", "en"),
        ("zh-CN;q=high, en", "en"),
        (",;=,,;q=,-,_", "en"),
        ("x" * 10_000, "en"),
        ("zh" + "-x" * 8, "zh-Hans"),
        ("zh" + "-x" * 30_000, "en"),  # longer than any tag
    ],
)
def test_what_the_browser_accepts(locales: locale.Locales, accepted: str, tag: str) -> None:
    assert locales.negotiate(reader.request(accept_language=accepted)).tag == tag


@pytest.mark.parametrize(
    ("query", "cookie", "tag"),
    [
        ("lang=zh-Hans", "", "zh-Hans"),
        ("lang=zh_hans", "", "zh-Hans"),
        ("lang=en", "lang=zh-Hans", "en"),
        ("", "lang=zh-Hans", "zh-Hans"),
        ("lang=fr", "lang=zh-Hans", "zh-Hans"),
        ("lang=", "lang=", "en"),
    ],
)
def test_what_the_reader_asks_for_goes_first(
    locales: locale.Locales, query: str, cookie: str, tag: str
) -> None:
    asked = reader.request(query=query, cookie=cookie, accept_language="en")
    assert locales.negotiate(asked).tag == tag


def test_a_tag_without_end_takes_no_time(locales: locale.Locales) -> None:
    endless = "-" * 60_000
    started = time.process_time()
    for asked in (
        reader.request(query=f"lang={endless}"),
        reader.request(cookie=f"lang={endless}"),
        reader.request(accept_language=",".join([endless] * locale.MAX_ACCEPTED)),
    ):
        assert locales.negotiate(asked).tag == "en"
    assert time.process_time() - started < 0.1  # seconds; it took several


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_choice_is_remembered(locales: locale.Locales, scheme: str) -> None:
    answer = Response()
    locales.remember(reader.request(query="lang=zh", scheme=scheme), answer)
    assert answer.headers["content-language"] == "zh-Hans"
    assert answer.headers["vary"] == "Accept-Language, Cookie"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("lang=zh-Hans; HttpOnly; Max-Age=31536000; Path=/; SameSite=lax")
    assert ("Secure" in cookie) == (scheme == "https")


@pytest.mark.parametrize("query", ["", "lang=fr", "lang=%0d%0aset-cookie:x"])
def test_nothing_is_remembered(locales: locale.Locales, query: str) -> None:
    answer = Response()
    locales.remember(reader.request(query=query, accept_language="zh"), answer)
    assert "set-cookie" not in answer.headers
    assert answer.headers["content-language"] == "zh-Hans"


def test_a_further_language_is_one_file(tmp_path: pathlib.Path) -> None:
    written(tmp_path, "pl", POLISH)
    locales = locale.Locales(tmp_path)
    assert [each.tag for each in locales] == ["en", "pl"]
    polish = locales.negotiate(reader.request(accept_language="pl-PL"))
    assert (polish.name, polish.direction) == ("Polski", "ltr")
    assert polish.gettext("Try again") == "Try again"  # not translated: as in the code


def test_scripts_choose_the_same_plural_form(tmp_path: pathlib.Path) -> None:
    written(tmp_path, "pl", POLISH)
    for each in locale.Locales(tmp_path):
        forms = each.forms("{n} vote", "{n} votes")
        period = len(each.plurals)
        for number in [*range(1_000), 10_000_000, 1_234_512]:
            # As text.js does.
            chosen = each.plurals[number if number < period else 100 + number % 100]
            assert forms[int(chosen)] == each.ngettext("{n} vote", "{n} votes", number)


@pytest.mark.parametrize(
    ("language", "tag", "direction"),
    [("ar", "ar", "rtl"), ("he_IL", "he-IL", "rtl"), ("ur", "ur", "rtl"), ("de", "de", "ltr")],
)
def test_direction(tmp_path: pathlib.Path, language: str, tag: str, direction: str) -> None:
    written(tmp_path, language, 'msgid "English"\nmsgstr "x"\n')
    found = locale.Locales(tmp_path).find(tag)
    assert found is not None
    assert (found.tag, found.direction) == (tag, direction)


def test_broken_file_is_named(tmp_path: pathlib.Path) -> None:
    written(tmp_path, "pl", "nonsense\n")
    with pytest.raises(catalogue.CatalogueError, match=r"pl/LC_MESSAGES/voting.po, line 1"):
        locale.Locales(tmp_path)


def test_english_needs_no_file(tmp_path: pathlib.Path) -> None:
    (english,) = locale.Locales(tmp_path)
    assert english.name == "English"
    assert english.forms("{n} vote", "{n} votes") == ["{n} votes", "{n} vote"]
    assert english.gettext("") == ""
