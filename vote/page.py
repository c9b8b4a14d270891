"""The vote page: what a voter sees in each state."""

import functools
import pathlib
import re

import markupsafe
from starlette.requests import Request

from common import bidi, locale, page_url, poll, template
from vote import rush

HERE = pathlib.Path(__file__).parent
ASSETS = template.assets(HERE)
LOCALES = locale.Locales()
LONG = 40  # letters of a name in a sentence
# Why a vote was refused of which the page says for what it was.
TOLD = ("not_taken", "unsure", "closed")


class Page:
    """The page of one poll, as the replica `served_by` serves it.

    `result_url` is where the result is shown, which a closed poll leads to; None: derived from
    the request.
    """

    def __init__(self, asked: poll.Poll, served_by: str, result_url: str | None = None) -> None:
        self._poll = asked
        self._served_by = served_by
        self._result_url = result_url
        self._options = template.option_data(asked)
        self._templates = template.Templates(HERE, ASSETS, LOCALES, script_texts)
        self._pages = rush.Pages()

    def render(
        self,
        request: Request,
        *,
        choice: str | None = None,
        state: str = "open",
        tried: str | None = None,
    ) -> rush.Made:
        """The HTML in the reader's language.

        `choice` is the option that was acknowledged before, `tried` the one that was refused now.
        `state` is open, away (no vote can be taken now), or why a vote was refused: closed,
        not_taken (the queue is away), unsure (it did not acknowledge the vote, and may have it),
        unknown_option, changed (it was drawn for another poll), cross_site, bad_request.
        """
        names = {option.id: option.name for option in self._poll.options}
        choice = choice if choice in names else None
        tried = tried if state in TOLD and tried in names else None
        if self._poll.is_closed():
            tried = tried if tried != choice else None
            key = _closed_notice(state, choice, tried)
            state = "closed"
        else:
            key = _open_notice(state, choice, tried)
            state = "taken" if key == "taken" else state
        language = LOCALES.negotiate(request).tag
        return self._pages.get(
            (language, str(request.base_url), choice, tried, state, key),
            lambda: self._templates.render(
                "vote.html",
                request,
                poll=self._poll,
                options=self._options,
                served_by=self._served_by,
                choice=choice,
                tried=tried,
                failed=None if key == "closed unsure" else tried,
                state=state,
                notice=key,
                result_url=self._result_url or page_url.of_result(request),
                said=functools.partial(
                    _said,
                    name=names.get(tried or choice or "", ""),
                    kept=names.get(choice or "", ""),
                ),
            ),
        )


def _open_notice(state: str, choice: str | None, tried: str | None) -> str:
    """The key of the text that says how things stand."""
    if tried:
        return "not taken" if state == "not_taken" else "no answer"
    if state == "open":
        return "taken" if choice else "open"
    if state == "away":
        return "away"
    return {"unknown_option": "unknown", "changed": "changed"}.get(state, "malformed")


def _closed_notice(state: str, choice: str | None, tried: str | None) -> str:
    """The same once the poll is closed."""
    if not tried:
        return "closed with" if choice else "closed"
    if state == "unsure":
        return "closed unsure"
    return "closed instead" if choice else "closed without"


def _said(text: str, **names: str) -> markupsafe.Markup:
    """`text` with its placeholders filled. All at once: a name may look like one.

    Each name is isolated: it may be written the other way.
    """
    parts: list[str] = re.split(r"\{(name|kept)\}", text)
    parts[1::2] = [markupsafe.Markup("<bdi>{}</bdi>").format(_cut(names[n])) for n in parts[1::2]]
    return markupsafe.Markup("").join(parts)


def _cut(name: str) -> str:
    return name if len(name) <= LONG else bidi.without(name[: LONG - 1]) + "…"


def script_texts(chosen: locale.Locale) -> template.Texts:
    """What the script of the page says, by the key that it uses."""
    _ = chosen.gettext
    return {
        "open": _("Tap your choice.\nYou can change it later."),
        "open once": _(
            "Tap your choice.\nYou cannot change it later: this browser keeps no cookies."
        ),
        "away": _("Votes cannot be taken right now.\nPlease wait a moment."),
        "sending": _("Sending your vote for {name} …"),
        "taken": _("Your vote for {name} is in.\nYou can change it."),
        "taken once": _(
            "Your vote for {name} is in.\n"
            "This browser keeps no cookies: another choice is another vote."
        ),
        "not taken": _("Your vote for {name} was not taken."),
        "malformed": _("Not taken: a vote is cast with a button of this page."),
        "no answer": _(
            "No answer: your vote for {name} may not have been taken.\n"
            "Try again, it counts only once."
        ),
        "no answer once": _(
            "No answer: your vote for {name} may not have been taken.\n"
            "This browser keeps no cookies: sent again, it may count twice."
        ),
        "offline": _("You are offline: your vote for {name} was not taken."),
        "unknown": _("Not taken: this is not an option of the poll.\nChoose one of these."),
        "changed": _("Not taken: the poll has changed.\nChoose one of these."),
        "outdated": _(
            "Not taken: the poll has changed.\nThe new page cannot be loaded right now: try again."
        ),
        "refused": _("Your vote for {name} was refused.\nReload the page and try again."),
        "closed": _("Voting has closed."),
        "closed with": _("Voting has closed.\nYour vote for {name} is in."),
        "closed without": _("Voting has closed.\nYour vote for {name} came too late."),
        "closed instead": _(
            "Voting has closed.\nYour vote for {name} came too late, your vote for {kept} counts."
        ),
        "closed unsure": _(
            "Voting has closed.\nNo answer: your vote for {name} may not have been taken."
        ),
        "your vote": _("Your vote"),
        "not sent": _("Not taken"),
        "not sure": _("Not sure"),
        "busy": _("Sending …"),
    }
