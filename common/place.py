"""Where a server may be: a host, and in a URL its port. ValueErrors say what is wrong."""

import ipaddress
import re
import typing
from collections.abc import Sequence

MAX_PORT: typing.Final = 65535
HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:\[\]]*)(:[0-9]{1,5})?")  # as in a URL, with its port
_NOT_IN_HOSTS = re.compile(r"[\s/@\[\]]")


def checked_host(host: str) -> str:
    """`host`, which can be looked up. Raises ValueError where that fails whatever comes."""
    if _NOT_IN_HOSTS.search(host) or (":" in host and not is_ipv6(host)):
        raise ValueError("is no host: it must be a name or an address alone, as in db.example.org")
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(
            "is no host: each part between its dots has 1 to 63 letters, as in db.example.org"
        ) from None
    return host


def check_port(port: str) -> None:
    """Raises ValueError unless these digits are a port that something can listen at."""
    if not 0 < int(port) <= MAX_PORT:
        raise ValueError(f"port {port} is none: ports are 1 to {MAX_PORT}")


def check_all(places: Sequence[str]) -> None:
    """Raises ValueError unless each can be: hosts with or without a port, folders of a socket."""
    for each in places:
        if not each.startswith("/"):
            _check(each)
        if not each.partition(":")[0] and len(places) > 1:
            raise ValueError("one of its hosts has no name, as between two commas")


def is_ipv6(host: str) -> bool:
    """Whether `host` is an address as IPv6 writes it, without brackets."""
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True


def _check(place: str) -> None:
    found = HOST.fullmatch(place)
    if not found:
        raise ValueError("is no host: it must be as in db.example.org:5432 or [::1]:5432")
    host, port = found[1], found[2]
    if port:
        check_port(port[1:])
    if host.startswith("["):
        if not is_ipv6(host[1:-1]):
            raise ValueError("is no host: in brackets there must be an IPv6 address, as in [::1]")
    elif "%" not in host:  # the folder of a socket
        checked_host(host)
