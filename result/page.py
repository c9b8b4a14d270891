"""The result page as the server draws it, before the first number comes over the live channel."""

import collections.abc
import datetime
import functools
import math
import pathlib
import re
import typing

import markupsafe
import segno
from starlette.requests import Request

from common import locale, page_url, poll, template
from result import trouble

HERE = pathlib.Path(__file__).parent
ASSETS = template.assets(HERE)
LOCALES = locale.Locales()
REFRESH = 5  # seconds between reloads of the page where there is no JavaScript
MANY = 10  # options: more stand in two columns where there is room
ONE_LINE = 16  # letters: where no name has more, none is broken anywhere
LINE = 20  # letters for which a line has room in one of two columns, in presenter mode too


class Page:
    """The page of one poll. `vote_url` is where people vote; None: derived from the request."""

    def __init__(self, asked: poll.Poll, vote_url: str | None = None) -> None:
        self._poll = asked
        self._vote_url = vote_url
        self._options = template.option_data(asked)
        names = [option.name for option in asked.options]
        self._lines = lines(names) if template.letters(names) > ONE_LINE else None
        self._widest = widest(names)
        self._templates = template.Templates(HERE, ASSETS, LOCALES, script_texts)

    def render(
        self,
        request: Request,
        tallies: dict[str, int] | None,
        as_of: datetime.datetime | None = None,
        final: bool = False,
        troubles: collections.abc.Sequence[trouble.Finding] = (),
    ) -> str:
        """The HTML in the reader's language.

        `tallies` are None while none could be read; `as_of` is when they were.
        `troubles` are told to a reader without JavaScript.
        """
        vote_url = self._vote_url or page_url.of_vote(request)
        return self._templates.render(
            "result.html",
            request,
            poll=self._poll,
            options=rank(self._options, tallies),
            lines=self._lines,
            widest=self._widest,
            tallies=tallies,
            total=sum(tallies.values()) if tallies else 0,
            as_of=as_of,
            closed=self._poll.is_closed(),
            final=final,
            troubles=troubles,
            refresh=REFRESH,
            vote_url=vote_url,
            address=pieces(vote_url),
            qr_code=qr_code(vote_url),
        )


def pieces(url: str) -> list[str]:
    """What is to be typed of `url`; between its pieces a line may be broken, not in a number."""
    address = url.partition("://")[2].rstrip("/")
    return re.findall(r"[.:?&-]?[^/.:?&-]*/*", address)[:-1]


@functools.lru_cache(maxsize=64)
def qr_code(content: str) -> markupsafe.Markup:
    """`content` as a QR code in SVG, dark on light in each colour scheme, so that phones read it.

    Raises `segno.DataOverflowError` where it does not fit (about 2,300 bytes).
    """
    code = segno.make_qr(content, error="m")
    return markupsafe.Markup(  # noqa: S704 (drawn by the library, no part of it is text)
        code.svg_inline(dark="#15171c", light=None, border=2, omitsize=True, lineclass=None)
    )


def rank(
    options: list[dict[str, typing.Any]], tallies: dict[str, int] | None
) -> list[dict[str, typing.Any]]:
    """The options with `count`, `share` and `rank`: two as they are, three and more by count.

    Equal counts share a rank; without a vote there is none.
    """
    counts = tallies or {}
    total = sum(counts.values())
    counted = [
        {
            **option,
            "count": counts.get(option["id"], 0),
            "share": share(counts.get(option["id"], 0), total),
        }
        for option in options
    ]
    descending = sorted((option["count"] for option in counted), reverse=True)
    for option in counted:
        option["rank"] = descending.index(option["count"]) + 1 if total else None
    if len(counted) > 2:
        counted.sort(key=lambda option: -option["count"])
    return counted


def lines(names: list[str]) -> int:
    """Into how many lines the names on bars may be broken where the bars stand in two columns.

    All names get the same size of type, and in two lines it is much smaller: a few that are long
    among many are cut instead.
    """
    longer = [name for name in names if template.letters([name]) > LINE]
    return 2 if len(names) <= MANY or len(longer) > len(names) / 4 else 1


def widest(names: list[str]) -> float:
    """The letters of the widest name, of those that are not cut where all stand in one line."""
    room = LINE if lines(names) == 1 else math.inf
    return max(each for each in (template.letters([name]) for name in names) if each <= room)


def share(count: int, total: int) -> str:
    """`count` of `total` in percent with one decimal. Neither all nor nothing by rounding."""
    if not total:
        return "–"  # noqa: RUF001 (a dash is meant)
    percent = round(1000 * count / total) / 10
    if percent == 0 and count:
        return "<0.1%"
    if percent == 100 and count < total:
        return ">99.9%"
    return f"{percent:.1f}%"


def script_texts(chosen: locale.Locale) -> template.Texts:
    """What the scripts of the page say, by the key that they use."""
    _, forms = chosen.gettext, chosen.forms
    return {
        "votes": forms("{n} vote", "{n} votes"),
        "no votes": _("No votes yet"),
        "tie": _("Tie"),
        "leads": _("Leads"),
        "wins": _("Winner"),
        "final": _("Final result"),
        "closing": forms(
            "The last vote is being counted",
            "The last {n} votes are being counted",
        ),
        "seconds ago": _("{n} s ago"),
        "minutes ago": _("{n} min ago"),
        "hours ago": _("{n} h ago"),
        "just now": _("just now"),
        "never": _("none yet"),
        # The strip: what is wrong.
        "connecting": _("Connecting …"),
        "reconnecting": _("You are seeing results of {ago}: reconnecting"),
        "offline": _("You are seeing results of {ago}: this device is offline"),
        "postgres away": _("Postgres cannot be reached since {time}"),
        "postgres refuses": _("Postgres refuses the password since {time}"),
        "postgres seen": _("You are seeing results of {ago}"),
        "redis away": _(
            "Redis cannot be reached since {time}: votes may be refused until it is back"
        ),
        "redis refuses": _(
            "Redis refuses the password of this page since {time}: how many votes wait is not known"
        ),
        "vote away": _("The vote page is away: nobody can vote until it is back"),
        "redis back": _("Redis is back: the workers have not reported yet"),
        "redis away closed": _(
            "Redis cannot be reached since {time}: it may still hold votes that are to be counted"
        ),
        "worker away waiting": forms(
            "The worker is away: {n} vote is waiting, it is not lost",
            "The worker is away: {n} votes are waiting, none is lost",
        ),
        "worker away": _("The worker is away: new votes will wait, none is lost"),
        "worker silent": forms(
            "{names} is silent: another worker takes over what it had",
            "{names} are silent: others take over what they had",
        ),
        "workers silent": _("{silent} of {all} workers are silent: others take over what they had"),
        "worker waits": forms(
            "{n} vote is waiting for Postgres, it is not lost",
            "{n} votes are waiting for Postgres, none is lost",
        ),
        # The strip: what goes well.
        "well": _("All is well"),
        "catching up": forms("Counting: {n} vote is waiting", "Counting: {n} votes are waiting"),
        "waiting": _("Waiting"),
        "workers": _("Workers"),
        "committed": _("Last commit"),
        "browsers": _("Watching"),
        "people": forms("{n} browser", "{n} browsers"),
        "dead": _("Set aside"),
        "messages": forms("{n} message", "{n} messages"),
        "none": _("none"),
        "unknown": _("unknown"),
    }
