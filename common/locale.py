"""The languages of the pages: gettext catalogues, and which one a reader gets.

A language is one file: `translations/<language>/LC_MESSAGES/voting.po`. It is compiled in memory
at start. The texts in the code are the English ones.
"""

import collections.abc
import dataclasses
import functools
import gettext
import io
import pathlib

from starlette.requests import Request
from starlette.responses import Response

from common import catalogue

DIRECTORY = pathlib.Path(__file__).parent / "translations"
DOMAIN = "voting"
SOURCE_LANGUAGE = "en"
COOKIE = "lang"
COOKIE_AGE = 365 * 24 * 3600  # seconds: a year
PARAMETER = "lang"
MAX_TAG = 35  # letters: what the longest sensible tag needs (RFC 5646, 4.4.1)
MAX_ACCEPTED = 20  # languages of an Accept-Language header that are looked at
RIGHT_TO_LEFT = frozenset({"ar", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"})
# Which script is meant where only a region, or nothing, is said (CLDR, likely subtags).
LIKELY = {
    "zh": "zh-hans",
    "zh-cn": "zh-hans",
    "zh-sg": "zh-hans",
    "zh-tw": "zh-hant",
    "zh-hk": "zh-hant",
    "zh-mo": "zh-hant",
}
# gettext's plural rules look at n, n % 10 and n % 100 only: below this number all cases occur.
PLURAL_PERIOD = 200


@dataclasses.dataclass(frozen=True)
class Locale:
    """One language and its texts."""

    tag: str  # BCP 47, such as zh-Hans
    catalogue: gettext.NullTranslations

    def gettext(self, text: str) -> str:
        return self.catalogue.gettext(text) if text else ""

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.catalogue.ngettext(singular, plural, number)

    @functools.cached_property
    def name(self) -> str:
        """The name of the language in itself."""
        # Translators: the name of your language in your language, such as "Deutsch".
        return self.gettext("English")

    @property
    def direction(self) -> str:
        return "rtl" if self.tag.split("-")[0].lower() in RIGHT_TO_LEFT else "ltr"

    @functools.cached_property
    def plurals(self) -> str:
        """Which plural form each number below `PLURAL_PERIOD` takes, one digit a number.

        With it a script chooses among `forms`, without evaluating a rule.
        """
        forms = self._forms_by_number
        order = list(dict.fromkeys(forms))
        return "".join(str(order.index(form)) for form in forms)

    def forms(self, singular: str, plural: str) -> list[str]:
        """The texts for a number that a script will know, in the order of `plurals`."""
        numbers: dict[str, int] = {}
        for number, form in enumerate(self.plurals):
            numbers.setdefault(form, number)
        return [self.ngettext(singular, plural, number) for number in numbers.values()]

    @property
    def _forms_by_number(self) -> list[object]:
        rule = getattr(self.catalogue, "plural", lambda number: int(number != 1))
        return [rule(number) for number in range(PLURAL_PERIOD)]


class Locales:
    """All languages there are. Raises `catalogue.CatalogueError` when a file is not right."""

    def __init__(self, directory: pathlib.Path = DIRECTORY) -> None:
        self._locales = {SOURCE_LANGUAGE: Locale(SOURCE_LANGUAGE, gettext.NullTranslations())}
        for path in sorted(directory.glob(f"*/LC_MESSAGES/{DOMAIN}.po")):
            tag = path.parent.parent.name.replace("_", "-")
            compiled = catalogue.compile(catalogue.parse(path.read_text("utf-8"), str(path)))
            self._locales[tag.lower()] = Locale(tag, gettext.GNUTranslations(io.BytesIO(compiled)))

    def __iter__(self) -> collections.abc.Iterator[Locale]:
        return iter(self._locales.values())

    def negotiate(self, request: Request) -> Locale:
        """What `?lang=` asks for, else the cookie, else Accept-Language, else English."""
        wishes = [request.query_params.get(PARAMETER), request.cookies.get(COOKIE)]
        wishes += _accepted(request.headers.get("accept-language", ""))
        for wish in wishes:
            if wish and (found := self.find(wish)):
                return found
        return self._locales[SOURCE_LANGUAGE]

    def find(self, tag: str) -> Locale | None:
        """The language for `tag`: itself, a shorter form of it, else a relative (RFC 4647, 3.4)."""
        if len(tag) > MAX_TAG:
            return None
        wanted = tag.replace("_", "-").lower()
        while wanted:
            for candidate in (wanted, LIKELY.get(wanted)):
                if candidate in self._locales:
                    return self._locales[candidate]
            wanted = wanted.rpartition("-")[0]
        language = tag.replace("_", "-").lower().split("-")[0]
        for known, locale in self._locales.items():
            if known.split("-")[0] == language:
                return locale
        return None

    def remember(self, request: Request, response: Response) -> None:
        """Says which language `response` has, and keeps what `?lang=` asked for in a cookie."""
        locale = self.negotiate(request)
        response.headers["Content-Language"] = locale.tag
        response.headers.add_vary_header("Accept-Language")
        response.headers.add_vary_header("Cookie")
        wish = request.query_params.get(PARAMETER)
        if wish and self.find(wish):
            response.set_cookie(
                COOKIE,
                locale.tag,
                max_age=COOKIE_AGE,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )


def _accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first (RFC 9110, 12.5.4)."""
    weighted = []
    for part in header.split(",", MAX_ACCEPTED)[:MAX_ACCEPTED]:
        tag, _, parameter = part.strip().partition(";")
        try:
            weight = float(parameter.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if tag and tag != "*" and weight > 0:
            weighted.append((weight, tag.strip()))
    return [tag for _, tag in sorted(weighted, key=lambda pair: -pair[0])]
