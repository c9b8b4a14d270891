"""Where the other page is, derived from the request for this one."""

from urllib.parse import urlunsplit

from starlette.requests import Request

# The ports of the vote page and of the result page: on one machine, in a cluster, at its nodes.
PORTS = ((8080, 8081), (5000, 5001), (31000, 31001))


def of_vote(request: Request) -> str:
    """Return the vote page that belongs to this result page; by default the same address."""
    port = request.url.port
    return _at_port(request, {result: vote for vote, result in PORTS}.get(port or 0, port))


def of_result(request: Request) -> str | None:
    """Return the result page that belongs to this vote page; None if the port is not known."""
    port = dict(PORTS).get(request.url.port or 0)
    return _at_port(request, port) if port else None


def _at_port(request: Request, port: int | None) -> str:
    url = request.url
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else str(url.hostname)
    return urlunsplit((url.scheme, f"{host}:{port}" if port else host, "/", "", ""))
