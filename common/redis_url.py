"""What may stand behind the "?" of REDIS_URL, and which of its values can work.

The library takes more names, which are not for a text to give, and values that fail only later.
"""

import collections.abc
import math
import pathlib
import re
import typing
import urllib.parse

from common import settings

MOST_AT_ONCE = 4  # commands of one client: a worker beats, reaps, claims ahead and drops

Check = tuple[collections.abc.Callable[[str], bool], str]  # what is right, and that in words
WORDS: typing.Final = {"1", "t", "true", "y", "yes", "0", "f", "false", "n", "no"}


def _is_time(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def _from(least: int) -> collections.abc.Callable[[str], bool]:
    return lambda text: bool(re.fullmatch("[0-9]{1,9}", text)) and int(text) >= least


def _is_readable(text: str) -> bool:
    try:
        with pathlib.Path(text).open("rb"):
            return True
    except (OSError, ValueError):
        return False


def _is_folder(text: str) -> bool:
    try:
        return pathlib.Path(text).is_dir()
    except OSError:
        return False


SECONDS: typing.Final[Check] = (_is_time, "a number of seconds, more than 0")
COUNT: typing.Final[Check] = (_from(1), "a whole number, 1 or more")
ORDINAL: typing.Final[Check] = (_from(0), "a whole number, 0 or more")
# To the library every other word means yes, "off" too.
BOOLEAN: typing.Final[Check] = (lambda text: text.lower() in WORDS, "yes or no")
FILE: typing.Final[Check] = (_is_readable, "the path of a file that this process may read")
FOLDER: typing.Final[Check] = (_is_folder, "the path of a folder")
TEXT: typing.Final[Check] = (lambda _: True, "a text")

PARAMETERS: typing.Final[dict[str, Check]] = {
    "client_name": TEXT,
    "db": ORDINAL,
    "health_check_interval": ORDINAL,
    "max_connections": (
        _from(MOST_AT_ONCE),
        f"a whole number, {MOST_AT_ONCE} or more: a worker uses so many at once",
    ),
    "password": TEXT,
    "protocol": (lambda text: text in {"2", "3"}, "2 or 3"),
    "retry_on_timeout": BOOLEAN,
    "socket_connect_timeout": SECONDS,
    "socket_keepalive": BOOLEAN,
    "socket_read_size": COUNT,
    "socket_timeout": SECONDS,
    "username": TEXT,
}
TLS_PARAMETERS: typing.Final[dict[str, Check]] = {
    "ssl_ca_certs": FILE,
    "ssl_ca_data": TEXT,
    "ssl_ca_path": FOLDER,
    "ssl_cert_reqs": (
        lambda text: text in {"none", "optional", "required"},
        "none, optional or required",
    ),
    "ssl_certfile": FILE,
    "ssl_check_hostname": BOOLEAN,
    "ssl_ciphers": TEXT,
    "ssl_exclude_verify_flags": TEXT,
    "ssl_include_verify_flags": TEXT,
    "ssl_keyfile": FILE,
    "ssl_min_version": (lambda text: text in {"771", "772"}, "771 (TLS 1.2) or 772 (TLS 1.3)"),
    "ssl_password": TEXT,
}


def check(url: str) -> None:
    """Names what is unknown or cannot work; never a value, which may be secret.

    Raises SettingsError.
    """
    parts = urllib.parse.urlsplit(url)
    given = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
    is_tls = parts.scheme == "rediss"
    known = PARAMETERS | TLS_PARAMETERS if is_tls else PARAMETERS
    _check_names(sorted(given.keys() - known.keys()), known)
    for name, values in given.items():
        is_right, words = known[name]
        # What is empty counts as not set, as everywhere.
        if not all(map(is_right, filter(None, values))):
            raise settings.SettingsError(f"REDIS_URL: the parameter {name!r} must be {words}")
    if any(given.get("ssl_keyfile", [])) and not any(given.get("ssl_certfile", [])):
        raise settings.SettingsError(
            "REDIS_URL: the parameter 'ssl_keyfile' needs 'ssl_certfile', its certificate"
        )


def _check_names(unknown: list[str], known: collections.abc.Iterable[str]) -> None:
    if not unknown:
        return
    names = ", ".join(map(repr, unknown))
    subject = f"parameter {names} is" if len(unknown) == 1 else f"parameters {names} are"
    if TLS_PARAMETERS.keys() >= set(unknown):
        raise settings.SettingsError(f"REDIS_URL: the {subject} for rediss:// alone")
    raise settings.SettingsError(
        f"REDIS_URL: the {subject} unknown: known are {', '.join(sorted(known))}"
    )
