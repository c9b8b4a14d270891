"""What is wrong, for a reader without JavaScript: what strip.js finds, by the same keys."""

import datetime
import typing

from result import live

FRESH = 1_750  # ms: up to here what is shown counts as the present, as in strip.js
NAMED = 3  # silent workers; more are told as a number, as in strip.js
Finding = tuple[str, dict[str, typing.Any]]  # the key of its text, and the values for it


def findings(status: live.Status, now: datetime.datetime, *, closed: bool) -> list[Finding]:
    """The gravest first; empty while nothing is wrong."""
    postgres, redis, workers = status["postgres"], status["redis"], status["workers"]
    left = (status["waiting"] or 0) + (status["claimed"] or 0)
    is_away = postgres["state"] == "away"
    found: list[Finding] = []
    if is_away:
        key = "postgres refuses" if postgres["refused"] else "postgres away"
        found.append((key, {"time": _clock(postgres["since"], now)}))
        age = now.timestamp() * 1000 - (status["as_of"] or 0)
        if status["as_of"] and age > FRESH:
            found.append(("postgres seen", {"ago": _ago(age)}))
    if redis["state"] == "away":
        key = "redis away closed" if closed else "redis away"
        key = "redis refuses" if redis["refused"] else key
        found.append((key, {"time": _clock(redis["since"], now)}))
    if status["vote_page"] is False and not closed:
        found.append(("vote away", {}))
    silent = [each["name"] for each in workers or [] if not each["alive"]]
    if workers is not None and len(silent) == len(workers):
        found.append(("worker away waiting" if left else "worker away", {"n": left}))
        return found
    if len(silent) > NAMED:
        found.append(("workers silent", {"silent": len(silent), "all": len(workers or [])}))
    elif silent:
        found.append(("worker silent", {"n": len(silent), "names": ", ".join(silent)}))
    waits = not silent and all(
        each["state"] == "waiting for postgres" for each in workers or [{"state": ""}]
    )
    if left and (is_away or waits):
        found.append(("worker waits", {"n": left}))
    return found


def _clock(ms: int, now: datetime.datetime) -> str:
    """A moment in ms since the epoch by UTC: the server does not know the reader's clock."""
    moment = datetime.datetime.fromtimestamp(ms / 1000, datetime.UTC)
    is_today = moment.date() == now.astimezone(datetime.UTC).date()
    return moment.strftime("%H:%M:%S UTC" if is_today else "%Y-%m-%d %H:%M:%S UTC")


def _ago(ms: float) -> Finding:
    seconds = round(ms / 1000)
    if seconds < 60:
        return "seconds ago", {"n": seconds}
    minutes = round(seconds / 60)
    if minutes < 60:
        return "minutes ago", {"n": minutes}
    return "hours ago", {"n": round(minutes / 60)}
