"""HTTP headers and checks that protect the pages, as plain ASGI middleware."""

import base64
import hashlib
from collections.abc import Awaitable, Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STYLES = "style-src 'self'"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        STYLES,
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",  # in current browsers 'self' covers ws: and wss: of the same host
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # Not no-referrer: with it a browser sends "Origin: null" with the form.
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# A browser takes it from https alone, and complains of it elsewhere.
SECURE_HEADERS = [(b"cross-origin-opener-policy", b"same-origin")]
# Of the others, a redirect has none: they say what the document may do that an answer becomes, or
# who may have its body, and a redirect becomes none. Half of the answer to a vote would be these.
REDIRECT_HEADERS = frozenset({b"referrer-policy", b"x-content-type-options"})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
BLANKS = " \t"  # no part of a header's value, RFC 9110, 5.5; a parser may leave those behind it


class SecurityHeaders:
    """Adds `HEADERS`, by https `SECURE_HEADERS` too, to responses that have not set them.

    Of `HEADERS`, a redirect gets `REDIRECT_HEADERS`. `styles` are the style sheets that pages hold:
    the policy names them by their hashes.
    """

    def __init__(self, app: ASGIApp, styles: Iterable[str] = ()) -> None:
        self._app = app
        sources = " ".join([STYLES, *map(_hash_source, styles)])
        policy = CONTENT_SECURITY_POLICY.replace(STYLES, sources)
        headers = HEADERS | {"content-security-policy": policy}
        self._headers = [(name.encode(), value.encode()) for name, value in headers.items()]

    def headers(self, status: int, *, secure: bool) -> list[tuple[bytes, bytes]]:
        """What an answer of this status has; `secure`: by https."""
        headers = self._headers
        if status in REDIRECTS:
            headers = [header for header in headers if header[0] in REDIRECT_HEADERS]
        return headers + SECURE_HEADERS if secure else headers

    # Neither this nor what it wraps is a coroutine: one would be kept with each WebSocket.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)

        # There is one for each message of each answer.
        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                if not any(name == b"content-security-policy" for name, _ in headers):
                    own = self.headers(message["status"], secure=scope["scheme"] == "https")
                    message["headers"] = [*headers, *own]
            return send(message)

        return self._app(scope, receive, send_with_headers)


def _hash_source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def is_cross_site(headers: Headers) -> bool:
    """Whether a browser says that another site made it send this request.

    Browsers send Sec-Fetch-Site to https and localhost, and Origin with every POST
    (Fetch standard; OWASP, Cross-Site Request Forgery Prevention). Programs send neither.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site.strip(BLANKS) not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and not is_same_host(
        origin, headers.get("host", ""), headers.get("x-forwarded-host", "")
    )


def is_same_host(origin: str, *hosts: str) -> bool:
    """Whether a page of `origin` is of one of the hosts that were asked: the header Host, and
    X-Forwarded-Host, which no page can set. By http or https: a proxy may not tell which.
    """
    asked = origin.strip(BLANKS).partition("://")[2].lower()
    return asked in {host.partition(",")[0].strip().lower() for host in hosts if host}
