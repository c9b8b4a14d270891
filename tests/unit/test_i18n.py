import io
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.responses import Response

from common.i18n import Locales
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

msgid "{n} day"
msgid_plural "{n} days"
msgstr[0] "{n} dzień"
msgstr[1] "{n} dni"
msgstr[2] "{n} dni"
"""


def compile_catalog(folder: Path, language: str, text: str) -> None:
    path = folder / language / "LC_MESSAGES" / "voting.mo"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        write_mo(file, read_po(io.BytesIO(text.encode())))


@pytest.mark.parametrize(
    ("accepted", "tag"),
    [
        ("", "en"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("zh-Hans-CN", "zh-Hans"),
        ("zh-TW", "zh-Hans"),  # a related language is better than a foreign one
        ("fr,zh-CN;q=0.5", "zh-Hans"),
        ("en;q=0.1, zh-CN;q=0.9", "zh-Hans"),
        ("zh-CN;q=0, en;q=0.1", "en"),
        ("fr-CH, de;q=0.7, *", "en"),
        (",;=,,;q=,-,_", "en"),
        ("zh" + "-x" * 30_000, "zh-Hans"),
    ],
)
def test_the_browser_names_its_languages(accepted: str, tag: str) -> None:
    assert Locales().negotiate(reader.request(accept_language=accepted)).tag == tag


@pytest.mark.parametrize(
    ("query", "cookie", "tag"),
    [
        ("lang=zh_hans", "", "zh-Hans"),
        ("lang=en", "lang=zh-Hans", "en"),
        ("", "lang=zh-Hans", "zh-Hans"),
        ("lang=fr", "lang=zh-Hans", "zh-Hans"),
        ("lang=", "lang=", "en"),
    ],
)
def test_the_reader_chooses_a_language(query: str, cookie: str, tag: str) -> None:
    request = reader.request(query=query, cookie=cookie, accept_language="en")
    assert Locales().negotiate(request).tag == tag


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_choice_is_remembered(scheme: str) -> None:
    response = Response()
    Locales().remember(reader.request(query="lang=zh", scheme=scheme), response)
    assert response.headers["content-language"] == "zh-Hans"
    assert response.headers["vary"] == "Accept-Language, Cookie"
    cookie = response.headers["set-cookie"]
    assert cookie.startswith("lang=zh-Hans; HttpOnly; Max-Age=31536000; Path=/; SameSite=lax")
    assert ("Secure" in cookie) == (scheme == "https")


@pytest.mark.parametrize("query", ["", "lang=fr", "lang=%0d%0aset-cookie:x"])
def test_no_choice_is_not_remembered(query: str) -> None:
    response = Response()
    Locales().remember(reader.request(query=query, accept_language="zh"), response)
    assert "set-cookie" not in response.headers


def test_a_new_language_is_one_catalog(tmp_path: Path) -> None:
    compile_catalog(tmp_path, "pl", POLISH)
    polish = Locales(tmp_path).negotiate(reader.request(accept_language="pl-PL"))
    assert (polish.name, polish.direction) == ("Polski", "ltr")
    assert polish.gettext("Try again") == "Try again"  # not translated yet


def test_a_language_may_run_from_right_to_left(tmp_path: Path) -> None:
    compile_catalog(tmp_path, "he_IL", 'msgid "English"\nmsgstr "עברית"\n')
    locale = Locales(tmp_path).find("he")
    assert locale
    assert (locale.tag, locale.direction) == ("he-IL", "rtl")


@pytest.mark.parametrize("texts", [("{n} vote", "{n} votes"), ("{n} day", "{n} days")])
def test_scripts_choose_the_same_plural_form(tmp_path: Path, texts: tuple[str, str]) -> None:
    compile_catalog(tmp_path, "pl", POLISH)
    for locale in [*Locales(tmp_path), *Locales()]:
        forms, plurals = locale.forms(*texts), locale.plurals
        for number in [*range(500), 10_000_000, 1_234_512]:
            # As text.js does it.
            index = plurals[number if number < len(plurals) else 100 + number % 100]
            assert forms[int(index)] == locale.ngettext(*texts, number)
