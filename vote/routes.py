"""The vote page and the two ways to vote: its form, and JSON for programs.

Both wait until Redis has acknowledged the ballot.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, cast
from urllib.parse import parse_qsl

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import Receive, Scope, Send

from common import tracing
from common.ballot import Ballot, Letter, now
from common.dependency import Dependency
from common.faults import Faults
from common.poll import Poll
from common.security import MAX_BODY, is_cross_site
from vote.metrics import Metrics
from vote.page import LOCALES, Page
from vote.queue import NotRecordedError, Queue, UnsureError
from vote.voter_id import VOTER_COOKIE, VoterIds, set_cookie

CHOICE_COOKIE = "vote"  # the voter's option and the edition of the poll, which the page marks
RETRY_AFTER = 2  # seconds
MAX_FIELDS = 10  # of a form; the page sends two


class Refusal(Exception):  # noqa: N818 (an answer, not a fault)
    """A vote that was not accepted.

    Args:
        status: The HTTP status.
        reason: The code that programs get and the page explains.
        detail: The explanation for programs.
        voter_id: The voter, if the vote may have been recorded nevertheless.
    """

    def __init__(self, status: int, reason: str, detail: str, voter_id: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.voter_id = voter_id


@dataclass(frozen=True)
class VoteService:
    """The parts that the handlers share."""

    poll: Poll
    page: Page
    voter_ids: VoterIds
    queue: Queue
    redis: Dependency
    metrics: Metrics
    faults: Faults

    @cached_property
    def edition(self) -> str:
        """The edition that the pages of this poll send with a vote."""
        return self.poll.edition

    @cached_property
    def options(self) -> dict[str, str]:
        """The names of the options by their letters."""
        return {option.id: option.name for option in self.poll.options}

    async def record(self, request: Request, option_id: str | None, edition: str | None) -> Ballot:
        """Record a vote. Return once Redis has acknowledged it.

        Args:
            request: Its cookie says who votes.
            option_id: The voter's choice.
            edition: The edition of the poll that the voter saw, if known.

        Raises:
            Refusal: The vote is not accepted.
        """
        if self.faults.current:
            await self.faults.delay("vote-latency")
            if self.faults.hits("vote-errors"):
                raise Refusal(503, "not_taken", "the vote was not recorded: an injected fault")
        # After the delay: soon after the end, result counts as final, and then no vote may follow.
        if self.poll.is_closed():
            raise Refusal(403, "closed", "the poll is closed")
        if edition not in (None, self.edition):
            raise Refusal(409, "changed", "the poll has changed: this vote is for another one")
        if option_id not in self.options:
            raise self.unknown_option()
        if not self.voter_ids.can_sign:  # the secret comes from Redis
            raise Refusal(503, "not_taken", "the vote was not recorded: Redis is unavailable")
        voter_id = self.voter(request) or self.voter_ids.create()
        try:
            with tracing.sending() as traceparent:
                ballot = Ballot(voter_id, cast("Letter", option_id), now(), traceparent)
                await self.queue.push(ballot)
        except NotRecordedError as error:
            raise Refusal(503, "not_taken", f"the vote was not recorded: {error}") from None
        except UnsureError:
            detail = "the vote may have been recorded: vote again, and it counts only once"
            raise Refusal(503, "unsure", detail, voter_id) from None
        return ballot

    def unknown_option(self) -> Refusal:
        """Return the refusal of a vote for an option that the poll does not have."""
        valid = ", ".join(f"{letter} ({name})" for letter, name in self.options.items())
        return Refusal(422, "unknown_option", f"vote must be one of {valid}")

    def voter(self, request: Request) -> str | None:
        """Return the voter id in the cookie of a request; None for a new voter."""
        return self.voter_ids.verify(request.cookies.get(VOTER_COOKIE))

    def choice(self, request: Request) -> str | None:
        """Return the option for which this voter has voted, if it was in this poll."""
        option_id, _, edition = request.cookies.get(CHOICE_COOKIE, "").partition(".")
        return option_id if edition == self.edition and self.voter(request) else None

    def remember(
        self, request: Request, response: Response, voter_id: str, choice: str | None
    ) -> None:
        """Set the cookies of a voter and of the choice; None removes an earlier choice."""
        set_cookie(request, response, VOTER_COOKIE, self.voter_ids.sign(voter_id))
        if choice is not None:
            set_cookie(request, response, CHOICE_COOKIE, f"{choice}.{self.edition}")
        elif CHOICE_COOKIE in request.cookies:
            response.delete_cookie(CHOICE_COOKIE)

    def check(self, request: Request, media_type: str) -> None:
        """Check the headers of a vote.

        Raises:
            Refusal: The vote comes from another site, or the body has another type.
        """
        if is_cross_site(request.headers):
            raise Refusal(403, "cross_site", "votes from other sites are not accepted")
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != media_type:
            raise Refusal(415, "bad_request", f"content-type: {given!r} is not {media_type}")


def get_service(request: Request) -> VoteService:
    """Return what the handlers share."""
    service: VoteService = request.app.state.service
    return service


async def show_page(request: Request) -> Response:
    """Show the page and mark the voter's choice."""
    service = get_service(request)
    state = "unavailable" if service.redis.state == "unavailable" else "open"
    response = _render(request, service, 200, state)
    if service.voter_ids.can_sign and service.voter(request) is None:
        # With the cookie in place before the vote, two quick taps come from one voter.
        service.remember(request, response, service.voter_ids.create(), None)
    return response


async def cast_form(request: Request) -> Response:
    """Record the vote of a form and redirect to the page."""
    service = get_service(request)
    option_id: str | None = None
    try:
        service.check(request, "application/x-www-form-urlencoded")
        form = await _read_form(request)
        option_id = form.get("vote")
        ballot = await service.record(request, option_id, form.get("poll"))
    except Refusal as refusal:
        service.metrics.refused.labels(refusal.reason).inc()
        response = _render(request, service, refusal.status, refusal.reason, option_id)
        if refusal.voter_id:
            service.remember(request, response, refusal.voter_id, None)
        return response
    response = Response(None, 303, {"location": "./"})
    service.remember(request, response, ballot.voter_id, ballot.vote)
    return response


def _render(
    request: Request, service: VoteService, status: int, state: str, tried: str | None = None
) -> Response:
    # The new vote may have been recorded, and then the earlier choice no longer counts.
    choice = None if state == "unsure" else service.choice(request)
    html = service.page.render(request, choice=choice, state=state, tried=tried)
    # Not no-store: that would keep the page out of the browser's back/forward cache.
    response = HTMLResponse(html, status, {"cache-control": "no-cache, private"})
    if status == 503:
        response.headers["retry-after"] = str(RETRY_AFTER)
    LOCALES.remember(request, response)
    return response


class CastForm:
    """`cast_form` as an ASGI app.

    Starlette's wrapper around a function takes a tenth of the whole time of a vote.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await cast_form(Request(scope, receive))
        await response(scope, receive, send)


async def _read_form(request: Request) -> dict[str, str]:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise Refusal(413, "too_large", f"the body is longer than {MAX_BODY} bytes")
        return dict(parse_qsl(body.decode(), max_num_fields=MAX_FIELDS))
    except ClientDisconnect:
        raise Refusal(400, "bad_request", "the client has hung up") from None
    except ValueError:
        raise Refusal(400, "bad_request", "the form is not URL-encoded UTF-8") from None


class Vote(BaseModel):
    """A vote, as a program sends it."""

    vote: str = Field(examples=["a"])
    poll: str | None = Field(
        None, description="The `data-poll` of the page on which this vote is based."
    )


class Recorded(BaseModel):
    """A vote that was recorded."""

    vote: str
    cast_at: int = Field(description="µs since the epoch, UTC")


class Problem(BaseModel):
    """Why a vote was not accepted."""

    reason: str
    detail: str
    options: list[str] | None = Field(None, description="The valid values of `vote`")


RESPONSES: dict[int | str, dict[str, Any]] = {
    413: {"description": "The body is longer than 16 KiB."},
    **{status: {"model": Problem} for status in (400, 403, 409, 415, 422, 503)},
}


async def get_service_for_json(request: Request) -> VoteService:
    """Return what the handlers share, after a check of the headers."""
    service = get_service(request)
    service.check(request, "application/json")
    return service


Service = Annotated[VoteService, Depends(get_service_for_json)]
router = APIRouter()


@router.post(
    "/api/votes",
    status_code=202,
    max_body_size=MAX_BODY,
    response_model=Recorded,
    responses=RESPONSES,
)
async def cast_vote(vote: Vote, request: Request, response: Response, service: Service) -> Ballot:
    """Record a vote. Answers once Redis has acknowledged it."""
    ballot = await service.record(request, vote.vote, vote.poll)
    service.remember(request, response, ballot.voter_id, ballot.vote)
    response.headers["cache-control"] = "no-store"
    return ballot  # FastAPI takes the fields of `Recorded`; the voter id is not among them


async def report_refusal(request: Request, refusal: Refusal) -> Response:
    """Answer a program whose vote was not accepted."""
    service = get_service(request)
    service.metrics.refused.labels(refusal.reason).inc()
    content: dict[str, Any] = {"reason": refusal.reason, "detail": refusal.detail}
    if refusal.status in (409, 422):
        content["options"] = list(service.options)
    response = JSONResponse(content, refusal.status)
    if refusal.status == 503:
        response.headers["retry-after"] = str(RETRY_AFTER)
    if refusal.voter_id:
        service.remember(request, response, refusal.voter_id, None)
    return response


async def report_invalid_body(request: Request, error: RequestValidationError) -> Response:
    """Answer a program whose body is not a vote."""
    if error.errors()[0]["loc"] == ("body", "vote"):
        return await report_refusal(request, get_service(request).unknown_option())
    return await report_unreadable_body(request, error)


async def report_unreadable_body(request: Request, _: Exception) -> Response:
    """Answer a program whose body is not JSON, or not an object with a vote."""
    detail = 'the body is not a JSON object like {"vote": "a"}'
    return await report_refusal(request, Refusal(400, "bad_request", detail))
