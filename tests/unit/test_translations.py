"""The catalogs are complete, and compiled from the committed sources."""

import gettext
import re
import tomllib
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

from common.i18n import DIRECTORY, DOMAIN

ROOT = Path(__file__).parents[2]
SOURCES = sorted(DIRECTORY.glob(f"*/LC_MESSAGES/{DOMAIN}.po"))
by_language = pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.parts[-3])


def texts_of_the_pages() -> set[str]:
    """All texts; of those with plural forms, the singular."""
    mapping = tomllib.loads((DIRECTORY / "babel.toml").read_text())
    methods = [(each["pattern"], each["method"]) for each in mapping["mappings"]]
    return {
        text if isinstance(text, str) else text[0]
        for folder in ("common", "vote", "result")
        for _, _, text, _, _ in extract_from_dir(
            ROOT / folder, methods, keywords=DEFAULT_KEYWORDS | {"forms": (1, 2)}
        )
    }


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def singular(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def translations(message: Message) -> tuple[str, ...]:
    found = message.string or ""
    return (found,) if isinstance(found, str) else tuple(found)


@by_language
def test_each_text_has_a_translation(path: Path) -> None:
    messages = [message for message in read(path) if message.id]
    done = {singular(each) for each in messages if all(translations(each)) and not each.fuzzy}
    assert "Try again" in done  # of a template
    assert done == texts_of_the_pages()


@by_language
def test_placeholders_are_kept(path: Path) -> None:
    for message in read(path):
        text = message.id if isinstance(message.id, str) else message.id[-1]
        for translation in translations(message):
            assert set(re.findall(r"{\w+}", translation)) == set(re.findall(r"{\w+}", text))


@by_language
def test_the_compiled_catalog_is_up_to_date(path: Path) -> None:
    catalog = read(path)
    with path.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in catalog:
        if isinstance(message.id, str) and message.id:
            assert compiled.gettext(message.id) == message.string
        elif message.id:
            one, many = message.id
            texts = {compiled.ngettext(one, many, number) for number in range(200)}
            assert texts == set(translations(message))
