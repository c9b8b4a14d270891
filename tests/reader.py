"""A request as a reader's browser sends it, for what needs no server."""

from starlette.requests import Request


def request(
    path: str = "/",
    *,
    scheme: str = "http",
    host: str = "vote.example:8080",
    query: str = "",
    **headers: str,
) -> Request:
    """A GET request; `accept_language="de"` is the header Accept-Language."""
    named = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    name, _, port = host.rpartition(":") if host[-1:].isdigit() and ":" in host else (host, "", "")
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": scheme,
            "server": (name, int(port or 80)),
            "path": path,
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(key.encode(), value.encode()) for key, value in named.items()],
        }
    )
