"""Where the other page is, derived from the request for this one."""

from urllib.parse import urlunsplit

from starlette.requests import Request

# The ports of the vote page and of the result page: on one machine, in a cluster, at its nodes; the
# last ones are those of the Kustomize overlay `ha`.
PORTS = ((8080, 8081), (5000, 5001), (31000, 31001), (31002, 31003))


def of_vote(request: Request) -> str | None:
    """Return the vote page that belongs to this result page; None if the port is not known."""
    return _at_port(request, {result: vote for vote, result in PORTS})


def of_result(request: Request) -> str | None:
    """Return the result page that belongs to this vote page; None if the port is not known."""
    return _at_port(request, dict(PORTS))


def _at_port(request: Request, ports: dict[int, int]) -> str | None:
    url = request.url
    port = ports.get(url.port or 0)
    if port is None:
        return None
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else str(url.hostname)
    return urlunsplit((url.scheme, f"{host}:{port}", "/", "", ""))
