"""The answer where there is nothing: in words for a browser, in JSON for a program."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response


async def answer(request: Request, _: Exception) -> Response:
    """404. An app has one page, so that is where a person wants to go who has mistyped it."""
    if "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse("There is nothing at this address. The page is at /\n", 404)
    return JSONResponse({"detail": "Not Found"}, 404)
