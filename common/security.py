"""HTTP headers, limits and checks that protect the pages, as plain ASGI middleware."""

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY = 16 * 1024  # bytes; a form with one vote has a few dozen

HEADERS = {
    "content-security-policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",  # in current browsers it covers WebSockets to the same host
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # Not no-referrer: with it a browser sends "Origin: null" with the form.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class SecurityHeaders:
    """Add `HEADERS` to every response but redirects, which have no content to protect.

    Args:
        app: The app that answers.
        more: Further headers, or other values of these.
    """

    def __init__(self, app: ASGIApp, more: Mapping[str, str] | None = None) -> None:
        self._app = app
        headers = HEADERS | dict(more or {})
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] // 100 != 3:
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class BodyLimit:
    """Refuse to read a body that is longer than `MAX_BODY`, with an `HTTPException`.

    Starlette's middleware would answer in plain text, and so would FastAPI, which uses it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request or WebSocket."""
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            if int(Headers(scope=scope).get("content-length", 0)) > MAX_BODY:  # do not wait for it
                raise _too_long()
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY:
                raise _too_long()
            return message

        await self._app(scope, receive_limited if scope["type"] == "http" else receive, send)


def is_cross_site(headers: Headers) -> bool:
    """Return whether the browser says that another site made it send this request.

    Browsers send Sec-Fetch-Site to https and localhost, and Origin with every POST; programs send
    neither. Sources: Fetch standard; OWASP, Cross-Site Request Forgery Prevention.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and not is_same_host(
        origin, headers.get("host", ""), headers.get("x-forwarded-host", "")
    )


def is_same_host(origin: str, *hosts: str) -> bool:
    """Return whether an origin belongs to one of the hosts that the request names.

    The scheme is ignored, because a proxy may not pass it on.

    Args:
        origin: The header Origin.
        hosts: The headers Host and X-Forwarded-Host, which no page can set.
    """
    asked = origin.partition("://")[2].lower()
    return asked in {host.partition(",")[0].strip().lower() for host in hosts if host}


def _too_long() -> HTTPException:
    return HTTPException(413, f"the body is longer than {MAX_BODY} bytes")
