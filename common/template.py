"""What the templates of both pages have in common: layout, languages, static files, texts."""

import collections.abc
import datetime
import math
import pathlib
import re
import typing
import unicodedata

import jinja2
import markupsafe
from starlette.requests import Request

from common import asset, locale, poll

HERE = pathlib.Path(__file__).parent
HUES = 8  # colours of options; a ninth option has the first one again

# How much room a name may take, in letters, to be set in a size of type.
SIZES = (("s", 5), ("m", 9), ("l", 14), ("xl", 24), ("xxl", math.inf))
LINES = 2.5  # into which a name of several words is broken
# Widths of a word, in letters, for which vote.css has a rule.
WORDS = (6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 22, 25, 30, 34, 38)
WIDE_WORD = 8  # up to here a word of wide letters, as of Chinese, is kept in one line
JOINER = "\u200d"  # makes one picture of two
# Letters that are wider than most, in a font whose bold type is wide.
WIDEST = frozenset("MWmwÆŒæœ%@ЖФШЩЫЮжфшщыю")
BROAD = {"Lu", "Lt", "Lo"}  # categories of Unicode: capitals, and scripts without them

Texts = dict[str, str | list[str]]


class Templates:
    """The templates of one service, with what its scripts need to know.

    `texts` gives, for a language, the texts that the page's scripts show.
    """

    def __init__(
        self,
        service: pathlib.Path,
        assets: asset.Assets,
        locales: locale.Locales,
        texts: collections.abc.Callable[[locale.Locale], Texts],
    ) -> None:
        self._locales = locales
        self._texts = {each.tag: _script_texts(each, texts) for each in locales}
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([service / "templates", HERE / "templates"]),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
        )
        self._environment.globals |= {
            "url": assets.url,
            # In the page: a phone paints one way to the server and back earlier.
            "style": lambda name: markupsafe.Markup(assets.text(name)),  # noqa: S704 (our own file)
            "locales": list(locales),
            "iso": iso,
            "ms": milliseconds,
            "size": size,
            "word": word,
            "say": say,
        }

    def render(self, name: str, request: Request, /, **context: typing.Any) -> str:
        """The page `name` in the language of the reader."""
        chosen = self._locales.negotiate(request)
        return self._environment.get_template(name).render(
            locale=chosen,
            _=chosen.gettext,
            texts=self._texts[chosen.tag],
            now=datetime.datetime.now(datetime.UTC),
            base_url=str(request.base_url).rstrip("/"),
            **context,
        )


def assets(service: pathlib.Path) -> asset.Assets:
    """The static files of a service: those of both pages, and its own."""
    return asset.Assets(HERE / "static", service / "static")


def iso(moment: datetime.datetime) -> str:
    """`moment` for a `datetime` attribute."""
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(moment: datetime.datetime) -> int:
    """`moment` in ms since the epoch, as scripts count."""
    return round(moment.timestamp() * 1000)


def option_data(asked: poll.Poll) -> list[dict[str, typing.Any]]:
    """The options as templates and scripts want them."""
    return [
        {"id": option.id, "name": option.name, "hue": index % HUES}
        for index, option in enumerate(asked.options)
    ]


def size(names: collections.abc.Iterable[str]) -> str:
    """How much room the largest of these names takes: s, m, l, xl or xxl.

    All options get the same size of type: none is to look more important.
    """
    widest = max(max(_word(name), _width(name) / LINES) for name in names)
    return next(size for size, most in SIZES if widest <= most)


def letters(names: collections.abc.Iterable[str]) -> float:
    """How wide the widest of these names is in bold type, in letters of the common width."""
    return round(max(sum(map(_breadth, _shown(name))) for name in names), 1)


def word(names: collections.abc.Iterable[str]) -> int | None:
    """Up to how wide the words of these names are, as one of `WORDS`; None where one is wider.

    A line may break between wide letters, and after a hyphen: there a word ends.
    """
    parts = "".join(" " if _is_wide(letter) else letter for name in names for letter in f"{name} ")
    widest = max(
        (sum(map(_breadth, _shown(part))) for part in re.split(r"[\s-]", parts)), default=0
    )
    return next((most for most in WORDS if widest <= most), None)


def say(texts: dict[str, typing.Any], key: str, values: dict[str, typing.Any]) -> str:
    """The text `key` of a script with its values, as text.js gives it. A value may be a text too,
    as its key and its values.
    """
    found = texts[key]
    if isinstance(found, list):
        number = values["n"]
        plurals = texts["plurals"]
        found = found[int(plurals[number if number < len(plurals) else 100 + number % 100])]
    for name, value in values.items():
        if isinstance(value, tuple):
            value = say(texts, *value)
        shown = f"{value:,}" if isinstance(value, int) else value
        found = found.replace(f"{{{name}}}", shown)
    return str(found)


def _word(name: str) -> float:
    """The width of the longest word in `name`. Between wide letters a line may break."""
    widest = 0.0
    for word in name.split():
        width: float = _width(word)
        if width > WIDE_WORD and any(map(_is_wide, word)):
            width = max(WIDE_WORD, width / LINES)
        widest = max(widest, width)
    return widest


def _width(name: str) -> int:
    """The letters of `name`; wide ones count twice, what is joined to another one not at all."""
    return sum(2 if _is_wide(letter) else 1 for letter in _shown(name))


def _shown(name: str) -> str:
    return re.sub(f"{JOINER}.|[\ufe00-\ufe0f]", "", name)


def _breadth(letter: str) -> float:
    if _is_wide(letter):
        return 2
    if letter in WIDEST:
        return 1.65
    return 1.25 if unicodedata.category(letter) in BROAD else 1


def _is_wide(letter: str) -> bool:
    return unicodedata.east_asian_width(letter) in "WF"


def _script_texts(
    chosen: locale.Locale, texts: collections.abc.Callable[[locale.Locale], Texts]
) -> dict[str, typing.Any]:
    _, forms = chosen.gettext, chosen.forms
    common: Texts = {
        # Translators: keep each {name} in braces as it is.
        "closes in": _("Voting closes in {time}"),
        "closed at": _("Voting closed at {time}"),
        "days": forms("{n} day", "{n} days"),
    }
    return common | texts(chosen) | {"plurals": chosen.plurals}
