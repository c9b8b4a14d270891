"""The Jinja2 environment of both pages."""

from datetime import UTC, datetime
from pathlib import Path

import jinja2
from starlette.requests import Request

from common.i18n import Locales
from common.poll import Poll
from common.static_files import StaticFiles

HUES = 8  # colors of options; the ninth option has the first color again
FIRST_OPTIONS = 2  # colors that no version has, because most polls show them


class Templates:
    """The templates of a service.

    Args:
        folder: The service's templates. They extend those in `common/templates`.
        static: The static files that the templates refer to.
        locales: The languages of the pages.
    """

    def __init__(self, folder: Path, static: StaticFiles, locales: Locales) -> None:
        self._locales = locales
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader([folder, Path(__file__).parent / "templates"]),
            autoescape=True,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
            auto_reload=False,
        )
        self._environment.globals.update(url=static.url, locales=list(locales))
        self._environment.filters.update(iso=iso, ms=milliseconds)

    def render(self, name: str, request: Request, /, **context: object) -> str:
        """Return a page in the reader's language."""
        locale = self._locales.negotiate(request)
        return self._environment.get_template(name).render(
            locale=locale,
            _=locale.gettext,
            ngettext=locale.ngettext,
            forms=locale.forms,
            now=datetime.now(UTC),
            base_url=str(request.base_url).rstrip("/"),
            **context,
        )


def option_data(poll: Poll) -> list[dict[str, object]]:
    """Return the options as the templates want them."""
    return [
        {"id": letter, "name": name, "hue": index % HUES}
        for index, (letter, name) in enumerate(poll.options.items())
    ]


def version_hue(version: str) -> int:
    """Return the color of a version: the same everywhere, and another for the next version."""
    return FIRST_OPTIONS + sum(version.encode()) % (HUES - FIRST_OPTIONS)


def iso(moment: datetime) -> str:
    """Return a moment for a `datetime` attribute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def milliseconds(moment: datetime) -> int:
    """Return a moment in ms since the epoch, as scripts count."""
    return round(moment.timestamp() * 1000)
