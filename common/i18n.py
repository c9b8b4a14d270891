"""Languages of the pages: gettext catalogs, and the choice among them for a reader."""

import gettext
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

DIRECTORY = Path(__file__).parent / "translations"
DOMAIN = "voting"
SOURCE_LANGUAGE = "en"  # of the texts in the code
COOKIE = PARAMETER = "lang"
COOKIE_AGE = 365 * 24 * 3600  # seconds
RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ps", "ur", "yi"}
# gettext's plural rules depend on small numbers and on n % 100: these numbers show every case.
PLURAL_PERIOD = 200
_RANGE = re.compile(r"([A-Za-z0-9-]+)(?:\s*;\s*q=([01](?:\.\d{1,3})?))?")


class Locale:
    """One language and its texts.

    Args:
        tag: The language as in BCP 47, such as zh-Hans.
        catalog: The texts in this language.
    """

    def __init__(self, tag: str, catalog: gettext.NullTranslations) -> None:
        self.tag = tag
        self.gettext = catalog.gettext
        self.ngettext = catalog.ngettext
        # Translators: the name of your language in your language, such as "Deutsch".
        self.name = catalog.gettext("English")
        self.direction = "rtl" if tag.split("-")[0] in RIGHT_TO_LEFT else "ltr"

    @cached_property
    def plurals(self) -> str:
        """Return one digit for each number below `PLURAL_PERIOD`: the index of its plural form.

        With it, a script chooses among `forms` without a plural rule.
        """
        # Any text will do that differs in each plural form.
        by_number = [self.ngettext("{n} vote", "{n} votes", n) for n in range(PLURAL_PERIOD)]
        forms = list(dict.fromkeys(by_number))
        return "".join(str(forms.index(form)) for form in by_number)

    def forms(self, singular: str, plural: str) -> list[str]:
        """Return the texts for a number that a script will know, in the order of `plurals`."""
        indexes = sorted(set(self.plurals))
        return [self.ngettext(singular, plural, self.plurals.index(index)) for index in indexes]


class Locales:
    """All languages that have a compiled catalog, and English."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._locales = {SOURCE_LANGUAGE: Locale(SOURCE_LANGUAGE, gettext.NullTranslations())}
        for path in sorted(directory.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")):
            tag = path.parts[-3].replace("_", "-")
            with path.open("rb") as file:
                self._locales[tag.lower()] = Locale(tag, gettext.GNUTranslations(file))

    def __iter__(self) -> Iterator[Locale]:
        return iter(self._locales.values())

    def negotiate(self, request: Request) -> Locale:
        """Return the language of `?lang=`, the cookie or Accept-Language, else English."""
        wishes = [request.query_params.get(PARAMETER, ""), request.cookies.get(COOKIE, "")]
        accepted = _RANGE.findall(request.headers.get("accept-language", ""))
        accepted.sort(key=lambda each: -float(each[1] or 1))
        wishes += [tag for tag, weight in accepted if float(weight or 1) > 0]
        found = (locale for wish in wishes if (locale := self.find(wish)))
        return next(found, self._locales[SOURCE_LANGUAGE])

    def find(self, tag: str) -> Locale | None:
        """Return the language for a tag: the same, or a related one."""
        language = tag.replace("_", "-").lower()
        primary = language.partition("-")[0]
        related = (known for key, known in self._locales.items() if key.split("-")[0] == primary)
        return self._locales.get(language) or next(related, None)

    def remember(self, request: Request, response: Response) -> None:
        """Declare the language of a response, and keep the one of `?lang=` in a cookie."""
        locale = self.negotiate(request)
        response.headers["Content-Language"] = locale.tag
        response.headers.add_vary_header("Accept-Language")
        response.headers.add_vary_header("Cookie")
        if self.find(request.query_params.get(PARAMETER, "")):
            response.set_cookie(
                COOKIE,
                locale.tag,
                max_age=COOKIE_AGE,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
            )
