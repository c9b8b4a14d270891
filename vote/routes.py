"""The vote page and the two ways to vote: its form, and JSON for programs.

The page's script sends the same form and accepts JSON.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse

from common.dependency import Dependency
from common.problem import Problem, Problems, responses
from common.queue.message import Ballot
from common.security import is_cross_site
from vote.metrics import Metrics
from vote.page import LOCALES, Page
from vote.service import Refusal, VoteService
from vote.voter_id import VoterCookies

RETRY_AFTER = 2  # seconds
MAX_FIELDS = 10  # of a form; the page sends two
NO_STORE = {"cache-control": "no-store"}


@dataclass(frozen=True)
class Parts:
    """What the handlers use."""

    service: VoteService
    cookies: VoterCookies
    page: Page
    redis: Dependency
    metrics: Metrics
    problems: Problems


def get_parts(request: Request) -> Parts:
    """Return what the handlers use."""
    parts: Parts = request.app.state.parts
    return parts


async def show_page(request: Request) -> Response:
    """Show the page and mark the voter's choice."""
    parts = get_parts(request)
    state = "unavailable" if parts.redis.state == "unavailable" else "open"
    response = _render(request, 200, state)
    # With the cookie in place before the vote, two quick taps come from one voter.
    parts.cookies.welcome(request, response)
    return response


async def cast_form(request: Request) -> Response:
    """Record the vote of a form. Redirect to the page, or answer its script in JSON."""
    parts = get_parts(request)
    _check_headers(request, "application/x-www-form-urlencoded")
    form = await _read_form(request)
    voter_id = parts.cookies.voter_id(request)
    ballot = await parts.service.record(voter_id, form.get("vote"), form.get("poll"))
    if _wants_json(request):
        content = msgspec.json.encode({"vote": ballot.vote, "cast_at": ballot.cast_at})
        response = Response(content, 202, NO_STORE, "application/json")
    else:
        response = Response(None, 303, {"location": "./"})
    parts.cookies.remember(request, response, ballot.voter_id, ballot.vote)
    return response


class Vote(BaseModel):
    """A vote, as a program sends it."""

    vote: str = Field(examples=["a"])
    poll: str | None = Field(
        None,
        description="The poll revision: the `data-poll` of the page on which this vote is based.",
    )


class Recorded(BaseModel):
    """A vote that was recorded."""

    vote: str
    cast_at: int = Field(description="µs since the epoch, UTC")


class RefusedVote(Problem):
    """Why a vote was not accepted."""

    reason: str
    options: list[str] | None = Field(None, description="The valid values of `vote`")


async def check_json(request: Request) -> None:
    """Check the headers of a program's vote."""
    _check_headers(request, "application/json")


router = APIRouter()


@router.post(
    "/api/votes",
    status_code=202,
    response_model=Recorded,
    responses=responses(400, 403, 409, 413, 415, 422, 503, model=RefusedVote),
    dependencies=[Depends(check_json)],
)
async def cast_vote(vote: Vote, request: Request, response: Response) -> Ballot:
    """Record a vote. Answers once Redis has acknowledged it."""
    parts = get_parts(request)
    voter_id = parts.cookies.voter_id(request)
    ballot = await parts.service.record(voter_id, vote.vote, vote.poll)
    parts.cookies.remember(request, response, ballot.voter_id, ballot.vote)
    response.headers.update(NO_STORE)
    return ballot  # FastAPI takes the fields of `Recorded`; the voter id is not among them


async def report_refusal(request: Request, refusal: Refusal) -> Response:
    """Exception handler: answer a vote that was not accepted."""
    parts = get_parts(request)
    parts.metrics.refused.labels(refusal.reason).inc()
    if _wants_json(request):
        more: dict[str, Any] = {"reason": refusal.reason}
        if refusal.status in (409, 422):
            more["options"] = list(parts.service.poll.options)
        response = parts.problems.answer(refusal.status, refusal.detail, **more)
    else:
        response = _render(request, refusal.status, refusal.reason, refusal.tried)
    if refusal.status == 503:
        response.headers["retry-after"] = str(RETRY_AFTER)
    if refusal.voter_id:
        parts.cookies.remember(request, response, refusal.voter_id, None)
    return response


async def report_long_body(request: Request, error: HTTPException) -> Response:
    """Exception handler: answer a vote whose body is too long."""
    return await report_refusal(request, Refusal(413, "too_large", error.detail))


async def report_bad_body(request: Request, error: Exception) -> Response:
    """Exception handler: answer a program whose body is not a vote."""
    detail = 'the body is not a JSON object like {"vote": "a"}'
    refusal = Refusal(400, "bad_request", detail)
    if isinstance(error, RequestValidationError) and error.errors()[0]["loc"] == ("body", "vote"):
        refusal = get_parts(request).service.unknown_option()
    return await report_refusal(request, refusal)


def _wants_json(request: Request) -> bool:
    """Return whether the answer is JSON: for programs, and for the page's script."""
    if request.scope["path"] != "/":
        return True
    accept = request.headers.get("accept", "").lower()
    return "application/json" in accept and "text/html" not in accept


def _check_headers(request: Request, media_type: str) -> None:
    """Refuse a vote that comes from another site, or whose body has another type."""
    if is_cross_site(request.headers):
        raise Refusal(403, "cross_site", "votes from other sites are not accepted")
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != media_type:
        raise Refusal(415, "bad_request", f"content-type: {given!r} is not {media_type}")


async def _read_form(request: Request) -> dict[str, str]:
    try:
        body = await request.body()
        return dict(parse_qsl(body.decode(), max_num_fields=MAX_FIELDS))
    except (ClientDisconnect, ValueError):
        detail = "the form is incomplete, or not URL-encoded UTF-8"
        raise Refusal(400, "bad_request", detail) from None


def _render(request: Request, status: int, state: str, tried: str | None = None) -> Response:
    parts = get_parts(request)
    # The new vote may have been recorded, and then the earlier choice no longer counts.
    choice = None if state == "unsure" else parts.cookies.choice(request)
    html = parts.page.render(request, choice=choice, state=state, tried=tried)
    # Not no-store: that would keep the page out of the browser's back/forward cache.
    response = HTMLResponse(html, status, {"cache-control": "no-cache, private"})
    LOCALES.remember(request, response)
    return response
