"""The result page: HTML with the tallies of the moment, before the scripts keep it up to date."""

from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import segno
import structlog
from markupsafe import Markup
from starlette.requests import Request

from common import page_url
from common.faults import KINDS
from common.i18n import Locales
from common.poll import Poll
from common.static_files import StaticFiles
from common.templating import Templates, option_data

HERE = Path(__file__).parent
STATIC = StaticFiles(HERE / "static")
LOCALES = Locales()
LOOPBACK = {"localhost", "127.0.0.1", "::1"}  # a phone that scans them reaches only itself
MAX_HOST = 253  # characters (RFC 1035); the QR code of a longer one takes too long to draw
REFRESH = 5  # seconds between reloads of the page without JavaScript

log = structlog.get_logger("result")


class Page:
    """The page of one poll.

    Args:
        poll: The poll.
        vote_url: Where people vote. None: next to the result page, if its port is a known one.
        served_by: The name and the version of this replica.
    """

    def __init__(self, poll: Poll, vote_url: str | None = None, served_by: str = "") -> None:
        self._poll = poll
        self._vote_url = vote_url
        self._served_by = served_by
        self._has_warned = False
        self._options = option_data(poll)
        self._templates = Templates(HERE / "templates", STATIC, LOCALES)

    def render(
        self,
        request: Request,
        *,
        tallies: dict[str, int] | None,
        as_of: datetime | None = None,
        final: bool = False,
        degraded: bool = False,
    ) -> str:
        """Return the HTML in the reader's language.

        Args:
            request: The request that the page answers.
            tallies: Votes by option. None: they could not be read yet.
            as_of: When the tallies were read.
            final: Whether the poll is closed and all its votes are counted.
            degraded: Whether a reader without JavaScript has to know that something is wrong.
        """
        vote_url = self._find_vote_url(request)
        host = urlsplit(vote_url or "").hostname or ""
        has_qr_code = host not in {"", *LOOPBACK} and len(host) <= MAX_HOST
        return self._templates.render(
            "result.html",
            request,
            poll=self._poll,
            options=rank(self._options, tallies or {}),
            tallies=tallies,
            total=sum(tallies.values()) if tallies else 0,
            as_of=as_of,
            closed=self._poll.is_closed(),
            final=final,
            degraded=degraded,
            refresh=REFRESH,
            served_by=self._served_by,
            vote_url=vote_url,
            address=(vote_url or "").partition("://")[2].rstrip("/"),
            qr_code=qr_code(vote_url) if vote_url and has_qr_code else None,
        )

    def render_system(self, request: Request, content: dict[str, Any]) -> str:
        """Return the HTML of the page /system, with the content of the event `system`."""
        return self._templates.render(
            "system.html",
            request,
            poll=self._poll,
            content=content,
            kinds=KINDS,
            refresh=REFRESH,
            served_by=self._served_by,
            vote_url=self._find_vote_url(request),
        )

    def _find_vote_url(self, request: Request) -> str | None:
        """Return where people vote. Say so once in the log if this cannot be known."""
        vote_url = self._vote_url or page_url.of_vote(request)
        if vote_url is None and not self._has_warned:
            self._has_warned = True
            log.warning("no link to the vote page: set VOTE_URL to its address")
        return vote_url


@lru_cache(maxsize=8)
def qr_code(content: str) -> Markup:
    """Return a QR code as SVG, dark on light in each color scheme, because phones need that.

    Raises:
        segno.DataOverflowError: The content is too long (about 2,300 bytes).
    """
    code = segno.make_qr(content, error="m")
    svg = code.svg_inline(dark="#15171c", light=None, border=2, omitsize=True, lineclass=None)
    return Markup(svg)  # noqa: S704 (the library draws it; it contains no text)


def rank(options: list[dict[str, Any]], tallies: dict[str, int]) -> list[dict[str, Any]]:
    """Return the options with `count`, `share` and `rank`; three and more by count.

    Equal counts share a rank. Without votes there are no ranks.
    """
    total = sum(tallies.values())
    counted = [option | {"count": tallies.get(option["id"], 0)} for option in options]
    descending = sorted((option["count"] for option in counted), reverse=True)
    for option in counted:
        option["share"] = share(option["count"], total)
        option["rank"] = descending.index(option["count"]) + 1 if total else None
    return counted if len(counted) == 2 else sorted(counted, key=itemgetter("count"), reverse=True)


def share(count: int, total: int) -> str:
    """Return a share in percent. Rounding makes it neither nothing nor all."""
    if not total:
        return "–"  # noqa: RUF001 (a dash is meant)
    percent = round(1000 * count / total) / 10
    if percent == 0 and count:
        return "<0.1%"
    if percent == 100 and count < total:
        return ">99.9%"
    return f"{percent:.1f}%"
