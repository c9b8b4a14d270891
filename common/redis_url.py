"""What may stand behind the "?" of REDIS_URL, and which of its values can work.

The library takes more names, which are not for a text to give, and values that fail only later.
"""

import collections.abc
import ssl
import typing
import urllib.parse

from common import settings, url_check

MOST_AT_ONCE = 4  # commands of one client: a worker beats, reaps, claims ahead and drops


def _are_ciphers(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(text)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _are_certificates(text: str) -> bool:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text)
    except (ssl.SSLError, TypeError, ValueError):
        return False
    return True


PARAMETERS: typing.Final[dict[str, url_check.Check]] = {
    "client_name": url_check.TEXT,
    "db": url_check.ORDINAL,
    "health_check_interval": url_check.ORDINAL,
    "max_connections": (
        url_check.whole_from(MOST_AT_ONCE),
        f"a whole number, {MOST_AT_ONCE} or more: a worker uses so many at once",
    ),
    "password": url_check.TEXT,
    "protocol": (lambda text: text in {"2", "3"}, "2 or 3"),
    "retry_on_timeout": url_check.BOOLEAN,
    "socket_connect_timeout": url_check.SECONDS,
    "socket_keepalive": url_check.BOOLEAN,
    "socket_read_size": url_check.COUNT,
    "socket_timeout": url_check.SECONDS,
    "username": url_check.TEXT,
}
TLS_PARAMETERS: typing.Final[dict[str, url_check.Check]] = {
    "ssl_ca_certs": url_check.FILE,
    "ssl_ca_data": (_are_certificates, "certificates as PEM, percent-encoded"),
    "ssl_ca_path": url_check.FOLDER,
    "ssl_cert_reqs": (
        lambda text: text in {"none", "optional", "required"},
        "none, optional or required",
    ),
    "ssl_certfile": url_check.FILE,
    "ssl_check_hostname": url_check.BOOLEAN,
    "ssl_ciphers": (_are_ciphers, "a list of ciphers that OpenSSL knows"),
    "ssl_exclude_verify_flags": url_check.TEXT,
    "ssl_include_verify_flags": url_check.TEXT,
    "ssl_keyfile": url_check.FILE,
    "ssl_min_version": (lambda text: text in {"771", "772"}, "771 (TLS 1.2) or 772 (TLS 1.3)"),
    "ssl_password": url_check.TEXT,
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
    url_check.check_values("REDIS_URL", given, known)
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
