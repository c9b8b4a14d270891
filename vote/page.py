"""The vote page: HTML for each state of a voter's choice."""

from functools import partial
from pathlib import Path

from markupsafe import Markup, escape
from starlette.requests import Request

from common import page_url
from common.i18n import Locales
from common.poll import Poll
from common.static_files import StaticFiles
from common.templating import Templates, option_data, version_hue

HERE = Path(__file__).parent
STATIC = StaticFiles(HERE / "static")
LOCALES = Locales()


class Page:
    """The page of one poll.

    Args:
        poll: The poll.
        served_by: The name of this replica.
        result_url: Where the result is. None: next to the vote page, if its port is a known one.
        version: The version of this replica, which has a color of its own.
    """

    def __init__(
        self,
        poll: Poll,
        served_by: str,
        result_url: str | None = None,
        version: str = "",
    ) -> None:
        self._poll = poll
        self._served_by = served_by
        self._result_url = result_url
        self._hue = version_hue(version)
        self._options = option_data(poll)
        self._templates = Templates(HERE / "templates", STATIC, LOCALES)

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
            hue=self._hue,
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
