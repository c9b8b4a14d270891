"""Which parameters of DATABASE_URL cannot work, where the library does not say so, or not well."""

import collections.abc
import typing
import urllib.parse

from common import place, settings, url_check

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
    parts = urllib.parse.urlsplit(url)
    given = urllib.parse.parse_qs(parts.query)
    url_check.check_values("DATABASE_URL", given, PARAMETERS)
    _check_told_once(parts, given)


def _check_told_once(
    parts: urllib.parse.SplitResult, given: collections.abc.Container[str]
) -> None:
    """To the library, unlike psql, a parameter is nothing beside its like before the "?"."""
    hosts = parts.netloc.rpartition("@")[2]
    before = {
        "host": hosts,
        "port": hosts,
        "user": parts.username,
        "password": parts.password,
        "dbname": parts.path,  # "/" alone, too
        "database": parts.path,
    }
    for name, told in before.items():
        if told and name in given:
            raise settings.SettingsError(
                f"DATABASE_URL: the parameter {name!r} has no effect beside what is said before "
                "the '?': say it there, as in postgresql://user:password@host:5432/name"
            )
