"""Which parameters of DATABASE_URL cannot work, where the library does not say so, or not well."""

import typing
import urllib.parse

from common import place, url_check

SESSIONS: typing.Final = ("any", "primary", "standby", "read-write", "read-only", "prefer-standby")


def _are_ports(text: str) -> bool:
    try:
        for each in text.split(","):
            place.check_port(each)
    except ValueError:
        return False
    return True


PARAMETERS: typing.Final[dict[str, url_check.Check]] = {
    "port": (_are_ports, f"a port, 1 to {place.MAX_PORT}, or one for each host, as in 5432,5433"),
    "sslcert": url_check.FILE,
    "sslcrl": url_check.FILE,
    "sslkey": url_check.FILE,
    "sslrootcert": url_check.FILE,
    "target_session_attrs": (lambda text: text in SESSIONS, f"one of {', '.join(SESSIONS)}"),
}


def check(url: str) -> None:
    """Names what cannot work; never a value, which may be secret. Raises SettingsError."""
    given = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    url_check.check_values("DATABASE_URL", given, PARAMETERS)
