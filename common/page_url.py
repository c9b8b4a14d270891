"""Where a page is: as a setting says it, or beside the other page."""

import re
import typing
import urllib.parse

import pydantic
from starlette.requests import Request

from common import place

MAX_LENGTH = 500  # characters: as many as a QR code has room for, that a phone reads from afar
# Of the vote page and of the result page: on one machine, in a cluster, at its nodes.
PORTS = ((8080, 8081), (5000, 5001), (31000, 31001))
# What a browser opens: a host by name or by its address, perhaps a user before and a port behind.
_URL = re.compile(
    r"""https?://
    (?:[^\s/?#]*@)?
    (?:\[(?P<address>[0-9A-Fa-f:.]+)\]|[^\s/?#@:\[\]<>\\^|%"]+)
    (?::(?P<port>[0-9]*))?
    (?:[/?#]\S*)?""",
    re.VERBOSE,
)


def checked(url: str | None) -> str | None:
    """`url`, which a browser can open and a person can read. Raises ValueError."""
    if not url:
        return None
    if len(url) > MAX_LENGTH:
        raise ValueError(f"must have at most {MAX_LENGTH} characters")
    found = _URL.fullmatch(url)
    if not found or (found["address"] and not place.is_ipv6(found["address"])):
        raise ValueError(
            "must be a whole URL without spaces, of http or https, "
            "as in https://vote.example.org/ or http://[2001:db8::1]:8080/"
        )
    if not url.isprintable():  # it would be read as another address
        hidden = next(letter for letter in url if not letter.isprintable())
        raise ValueError(
            f"has U+{ord(hidden):04X}, which cannot be seen: remove it, or percent-encode it"
        )
    if found["port"]:
        place.check_port(found["port"])
    return url


PageUrl = typing.Annotated[str | None, pydantic.AfterValidator(checked)]


def at_port(request: Request, port: int | None) -> str:
    """The root of the host that was asked, at another port."""
    url = request.url
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    place = f"{host}:{port}" if port else str(host)
    # The host is what the client says: no more of it than a page may show.
    return urllib.parse.urlunsplit((url.scheme, place, "/", "", ""))[:MAX_LENGTH]


def of_vote(request: Request) -> str:
    """The vote page beside the result page that was asked; on an unknown port, the same address."""
    port = request.url.port
    return at_port(request, {result: vote for vote, result in PORTS}.get(port or 0, port))


def of_result(request: Request) -> str | None:
    """The result page beside the vote page that was asked, if that is on a known port."""
    port = dict(PORTS).get(request.url.port or 0)
    return at_port(request, port) if port else None
