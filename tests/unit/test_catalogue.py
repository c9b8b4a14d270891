"""Catalogues: read as Babel reads them; complete in each language."""

import gettext
import io
import pathlib
import re
import tomllib
import typing

import pytest
from babel.messages import catalog, extract, mofile, pofile

from common import catalogue, locale

ROOT = pathlib.Path(__file__).parents[2]
CATALOGUES = sorted(locale.DIRECTORY.glob(f"*/LC_MESSAGES/{locale.DOMAIN}.po"))
LANGUAGES = [path.parent.parent.name for path in CATALOGUES]
KEYWORDS: dict[str, typing.Any] = extract.DEFAULT_KEYWORDS | {"forms": (1, 2)}

VARIED = r"""
# A comment.
msgid ""
msgstr ""
"Language: pl\n"
"Content-Type: text/plain; charset=utf-8\n"
"Plural-Forms: nplurals=3; plural=(n==1 ? 0 : "
"n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);\n"

#: somewhere.py:12
#, python-brace-format
msgid "Hello {name}"
msgstr "Cześć {name}"

msgid ""
"a text "
"on lines"
msgstr ""
"tekst\n"
"w \"wierszach\"\t\\"

msgctxt "verb"
msgid "Vote"
msgstr "Głosuj"

msgctxt "noun"
msgid "Vote"
msgstr "Głos"
msgid "no empty line before"
msgstr "bez pustej linii"

msgid "{n} vote"
msgid_plural "{n} votes"
msgstr[0] "{n} głos"
msgstr[1] "{n} głosy"
msgstr[2] "{n} głosów"

#, fuzzy
msgid "a guess"
msgstr "zgadywanka"

#, fuzzy, python-brace-format
#| msgid "before"
msgid "another guess"
msgstr "zgadywanka"

msgid "not yet done"
msgstr ""

#~ msgid "gone"
#~ msgstr "nie ma"
"""


def ours(text: str) -> dict[object, str]:
    compiled = catalogue.compile(catalogue.parse(text, "it.po"))
    return entries(gettext.GNUTranslations(io.BytesIO(compiled)))


def babels(text: str) -> dict[object, str]:
    compiled = io.BytesIO()
    mofile.write_mo(compiled, pofile.read_po(io.BytesIO(text.encode())))
    compiled.seek(0)
    return entries(gettext.GNUTranslations(compiled))


def entries(loaded: gettext.GNUTranslations) -> dict[object, str]:
    """What the standard library has read, but for the header, to which Babel adds."""
    found = dict(loaded._catalog)  # type: ignore[attr-defined]
    found.pop("", None)
    return found


@pytest.mark.parametrize("path", CATALOGUES, ids=LANGUAGES)
def test_our_catalogues_are_read_as_babel_reads_them(path: pathlib.Path) -> None:
    text = path.read_text("utf-8")
    assert len(ours(text)) > 40
    assert ours(text) == babels(text)


def test_all_that_a_catalogue_may_hold_is_read_as_babel_reads_it() -> None:
    found = ours(VARIED)
    assert found == babels(VARIED)
    assert found["a text on lines"] == 'tekst\nw "wierszach"\t\\'
    assert found["verb\x04Vote"] == "Głosuj"
    assert found["{n} vote", 2] == "{n} głosów"
    for unfinished in ("a guess", "another guess", "not yet done", "gone"):
        assert unfinished not in found


def test_plural_rule_is_read() -> None:
    compiled = catalogue.compile(catalogue.parse(VARIED, "it.po"))
    loaded = gettext.GNUTranslations(io.BytesIO(compiled))
    assert [loaded.ngettext("{n} vote", "{n} votes", n) for n in (1, 3, 12)] == [
        "{n} głos",
        "{n} głosy",
        "{n} głosów",
    ]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ('msgid "open', 3),
        ("msgid none", 3),
        ("<<<<<<< ours", 3),
        ('msgstr "two" "texts" x', 3),
    ],
)
def test_line_that_is_not_understood(line: str, number: int) -> None:
    text = f'msgid "a"\nmsgstr "b"\n{line}\n'
    with pytest.raises(catalogue.CatalogueError, match=f"^it.po, line {number}: not understood"):
        catalogue.parse(text, "it.po")


def test_text_before_any_keyword() -> None:
    with pytest.raises(catalogue.CatalogueError, match="line 1"):
        catalogue.parse('"a text"\n', "it.po")


def texts() -> set[str | tuple[str, str]]:
    """All texts of the pages, as the mapping of the translators says where they are."""
    mapping = tomllib.loads((locale.DIRECTORY / "babel.toml").read_text())
    methods = [(each["pattern"], each["method"]) for each in mapping["mappings"]]
    found: set[str | tuple[str, str]] = set()
    for folder in ("common", "vote", "result"):
        for _, _, text, _, _ in extract.extract_from_dir(
            ROOT / folder, methods, keywords=KEYWORDS, comment_tags=("Translators:",)
        ):
            found.add(text if isinstance(text, str) else (text[0], text[1]))
    return found


def read(path: pathlib.Path) -> catalog.Catalog:
    return pofile.read_po(io.BytesIO(path.read_bytes()))


def test_texts_are_found() -> None:
    found = texts()
    assert "Try again" in found  # in a template
    assert "Final result" in found  # in a script's texts
    assert ("{n} vote", "{n} votes") in found
    assert len(found) > 60


@pytest.mark.parametrize("path", CATALOGUES, ids=LANGUAGES)
def test_no_text_is_missing_in_a_catalogue(path: pathlib.Path) -> None:
    finished = {
        message.id
        for message in read(path)
        if message.id and not message.fuzzy and all(_strings(message))
    }
    missing = texts() - finished
    assert not missing, f"{path.relative_to(ROOT)} lacks {sorted(map(str, missing))}"
    unused = finished - texts()
    assert not unused, f"{path.relative_to(ROOT)} has unused {sorted(map(str, unused))}"


@pytest.mark.parametrize("path", CATALOGUES, ids=LANGUAGES)
def test_placeholders_are_kept(path: pathlib.Path) -> None:
    for message in read(path):
        text = message.id if isinstance(message.id, str) else message.id[-1]
        wanted = set(re.findall(r"{\w+}", text))
        for translation in _strings(message):
            assert set(re.findall(r"{\w+}", translation)) == wanted, translation


def _strings(message: catalog.Message) -> tuple[str, ...]:
    found = message.string or ""
    return (found,) if isinstance(found, str) else tuple(found)
