"""The vote page: HTML for each state of a voter's choice."""

import base64
import hashlib
from functools import partial
from pathlib import Path

from markupsafe import Markup, escape
from starlette.requests import Request

from common import page_url
from common.i18n import Locales
from common.poll import Poll
from common.security import HEADERS
from common.static_files import StaticFiles
from common.templating import Templates, option_data

HERE = Path(__file__).parent
STATIC = StaticFiles(HERE / "static")
LOCALES = Locales()


class Page:
    """The page of one poll.

    Args:
        poll: The poll.
        served_by: The name of this replica.
        result_url: Where the result is. None: next to the vote page, if its port is a known one.
        accent: The color of the page, #rrggbb. None: as in the style sheet.
    """

    def __init__(
        self,
        poll: Poll,
        served_by: str,
        result_url: str | None = None,
        accent: str | None = None,
    ) -> None:
        self._poll = poll
        self._served_by = served_by
        self._result_url = result_url
        self._style = accent_style(accent) if accent else None
        self._options = option_data(poll)
        self._templates = Templates(HERE / "templates", STATIC, LOCALES)

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers without which a browser ignores the style of the accent."""
        if self._style is None:
            return {}
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        name = "content-security-policy"
        return {name: HEADERS[name].replace("style-src", f"style-src 'sha256-{digest}'")}

    def render(
        self,
        request: Request,
        *,
        choice: str | None = None,
        state: str = "open",
        tried: str | None = None,
    ) -> str:
        """Return the HTML in the reader's language.

        Args:
            request: The request that the page answers.
            choice: The voter's option that was acknowledged before.
            state: "open", "unavailable" (no vote can be recorded now), or why a vote was refused:
                closed, not_taken, unsure, unknown_option, changed, cross_site, bad_request.
            tried: The option of a vote that was refused, if it can be sent again or was too late.
        """
        names = self._poll.options
        choice = choice if choice in names else None
        tried = tried if tried in names else None
        if self._poll.is_closed():
            tried = tried if tried != choice else None
            notice = _closed_notice(state, choice, tried)
            state = "closed"
        else:
            notice = state = "recorded" if state == "open" and choice else state
        return self._templates.render(
            "vote.html",
            request,
            poll=self._poll,
            options=self._options,
            served_by=self._served_by,
            style=self._style,
            choice=choice,
            tried=tried,
            failed=None if notice == "closed unsure" else tried,
            state=state,
            notice=notice,
            result_url=self._result_url or page_url.of_result(request),
            sentence=partial(
                _sentence, name=names.get(tried or choice or ""), kept=names.get(choice or "")
            ),
        )


def accent_style(accent: str) -> Markup:
    """Return the style of a page with this color as its ground. All text on it is legible.

    It is in the page, not in a file: during an update, another version may answer for the file.
    """
    # Relative luminance (WCAG 2.2). Both contrasts are equal at 0.179, and then above 4.5.
    red, green, blue = (
        ((value / 255 + 0.055) / 1.055) ** 2.4 for value in bytes.fromhex(accent[1:])
    )
    ink = "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"
    inks = "".join(f"--{name}:{ink};" for name in ("ink", "muted", "good", "bad"))
    return Markup(  # noqa: S704 (two checked colors)
        f"body{{background:{accent}}}"
        f"header,footer,.answer:not([data-tone=bad]){{--ground:{accent};{inks}color:{ink}}}"
        f".option:focus-visible{{outline-color:{ink}}}"
    )


def _closed_notice(state: str, choice: str | None, tried: str | None) -> str:
    if not tried:
        return "closed with" if choice else "closed"
    if state == "unsure":
        return "closed unsure"
    return "closed instead" if choice else "closed without"


def _sentence(text: str, **names: str | None) -> Markup:
    """Return a text with names in it. Each is isolated, because it may run the other way."""
    isolated = {key: Markup("<bdi>{}</bdi>").format(name) for key, name in names.items()}
    return escape(text).format(**isolated)
