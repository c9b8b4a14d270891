"""The result page: HTML with the tallies of the moment, before the scripts keep it up to date."""

from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import segno
from markupsafe import Markup
from starlette.requests import Request

from common import page_url
from common.faults import KINDS
from common.i18n import Locale, Locales
from common.poll import Poll
from common.static_files import StaticFiles
from common.templating import Templates, Texts, option_data
from result.system_texts import system_texts

HERE = Path(__file__).parent
STATIC = StaticFiles(HERE / "static")
LOCALES = Locales()
LOOPBACK = {"localhost", "127.0.0.1", "::1"}  # a phone that scans them reaches only itself
REFRESH = 5  # seconds between reloads of the page without JavaScript


class Page:
    """The page of one poll.

    Args:
        poll: The poll.
        vote_url: Where people vote. None: next to the result page.
        served_by: The name and the version of this replica.
    """

    def __init__(self, poll: Poll, vote_url: str | None = None, served_by: str = "") -> None:
        self._poll = poll
        self._vote_url = vote_url
        self._served_by = served_by
        self._options = option_data(poll)
        self._templates = Templates(HERE / "templates", STATIC, LOCALES, script_texts)

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
        vote_url = self._vote_url or page_url.of_vote(request)
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
            address=vote_url.partition("://")[2].rstrip("/"),
            qr_code=None if urlsplit(vote_url).hostname in LOOPBACK else qr_code(vote_url),
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
        )


@lru_cache(maxsize=64)
def qr_code(content: str) -> Markup:
    """Return a QR code as SVG, dark on light in each colour scheme, because phones need that.

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


def script_texts(locale: Locale) -> Texts:
    """Return the texts of the page's scripts, by the key that they use."""
    _, forms = locale.gettext, locale.forms
    return {
        "votes": forms("{n} vote", "{n} votes"),
        "no votes": _("No votes yet"),
        "tie": _("Tied"),
        "leads": _("Leading"),
        "wins": _("Winner"),
        "final": _("Final result"),
        "closing": forms("Counting the last vote", "Counting the last {n} votes"),
        "seconds ago": _("{n} s ago"),
        "minutes ago": _("{n} min ago"),
        "hours ago": _("{n} h ago"),
        "just now": _("just now"),
        "never": _("none yet"),
        # The strip: faults.
        "connecting": _("Connecting…"),
        "reconnecting": _("Connection lost. Last update {ago}. Reconnecting…"),
        "offline": _("This device is offline. Last update {ago}"),
        "postgres unavailable": _("Postgres has been unavailable since {time}"),
        "postgres refuses": _("Postgres has refused the password since {time}"),
        "old result": _("Last update {ago}"),
        "redis unavailable": _(
            "Redis has been unavailable since {time}. Votes may be refused until it is back"
        ),
        "redis unavailable closed": _(
            "Redis has been unavailable since {time}. It may still hold uncounted votes"
        ),
        "redis refuses": _(
            "Redis has refused this page's password since {time}. "
            "The number of waiting votes is unknown"
        ),
        "redis back": _("Redis is back. Waiting for the workers to report"),
        "vote page unavailable": _(
            "The vote page is unavailable. No one can vote until it is back"
        ),
        "no worker waiting": forms(
            "No worker is running. {n} vote is waiting and will not be lost",
            "No worker is running. {n} votes are waiting and will not be lost",
        ),
        "no worker": _("No worker is running. New votes will wait and will not be lost"),
        "worker lost": forms(
            "Worker {names} has stopped responding. Another worker takes over its votes",
            "Workers {names} have stopped responding. Other workers take over their votes",
        ),
        "workers lost": _(
            "{silent} of {all} workers have stopped responding. The others take over their votes"
        ),
        "waiting for postgres": forms(
            "{n} vote is waiting for Postgres and will not be lost",
            "{n} votes are waiting for Postgres and will not be lost",
        ),
        # The strip: all other news.
        "well": _("All is well"),
        "counting": _("Counting…"),
        "waiting": _("Waiting"),
        "worker": _("Worker"),
        "workers": _("Workers"),
        "committed": _("Last commit"),
        "viewers": _("Viewers"),
        "dead": _("Dead letters"),
        "none": _("none"),
        "unknown": _("unknown"),
        **system_texts(locale),
    }
