"""The texts of the system page's scripts."""

from common.i18n import Locale
from common.templating import Texts


def system_texts(locale: Locale) -> Texts:
    """Return the texts of the system page's scripts, by the key that they use."""
    _, forms = locale.gettext, locale.forms
    return {
        "per second": _("{n}/s"),
        "claimed by": _("{n} claimed"),
        "browsers at": forms("{n} browser", "{n} browsers"),
        "state gone": _("gone"),
        "state idle": _("idle"),
        "state paused": _("paused"),
        "state waiting for postgres": _("waiting for postgres"),
        "state working": _("working"),
        "store available": _("available"),
        "store unavailable": _("unavailable since {time}"),
        "store unknown": _("unknown"),
        "store unused": _("unused"),
        "no worker needed": _("No worker is running, and none is needed: no vote is waiting"),
        "no worker yet": _("No worker is running yet. The votes wait and will not be lost"),
        # The presenter's panel.
        "all": _("all"),
        "fault started": _("The fault has started"),
        "faults cleared": _("All faults end within a second"),
        "votes deleted": _("All votes are deleted within a second"),
        "wrong token": _("This token is wrong"),
        "not done": _("This did not work."),
    }
