"""The routes of the result service for people and programs."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from common.problem import responses
from result.page import LOCALES, Page
from result.status import Status
from result.system import System

RETRY_AFTER = 2  # seconds

router = APIRouter()


class OptionResult(BaseModel):
    """The votes for one option."""

    id: str = Field(examples=["a"])
    name: str = Field(examples=["Cats"])
    votes: int


class Results(BaseModel):
    """The result of the poll."""

    poll: str = Field(examples=["3f9c81b0d27a"], description="The poll revision")
    title: str = Field(examples=["Cats vs Dogs!"])
    options: list[OptionResult]
    total: int
    as_of: datetime = Field(description="The numbers are at least as recent as this moment.")
    final: bool = Field(description="The poll is closed and all its votes are counted.")


async def get_status(request: Request) -> Status:
    """Return the state of the system to somebody who watches."""
    request.app.state.audience.note()
    status: Status = request.app.state.status
    return status


async def show_page(request: Request) -> Response:
    """Show the page with the numbers of this moment."""
    page: Page = request.app.state.page
    status = await get_status(request)
    tally = status.tallies.latest
    html = page.render(
        request,
        tallies=tally.votes if tally else None,
        as_of=tally.as_of if tally else None,
        final=status.is_final,
        degraded=status.is_degraded,
    )
    response = HTMLResponse(html, headers={"cache-control": "no-cache, private"})
    LOCALES.remember(request, response)
    return response


async def show_system(request: Request) -> Response:
    """Show the replicas and the votes on their way at this moment."""
    system: System = request.app.state.system
    page: Page = request.app.state.page
    request.app.state.audience.note()
    html = page.render_system(request, await system.content())
    response = HTMLResponse(html, headers={"cache-control": "no-cache, private"})
    LOCALES.remember(request, response)
    return response


@router.get("/api/results", responses=responses(503))
async def results(response: Response, status: Annotated[Status, Depends(get_status)]) -> Results:
    """Return the votes for each option and the total."""
    headers = {"cache-control": "no-store"}
    tally = status.tallies.latest
    if tally is None:
        raise HTTPException(
            503,
            f"no result has been read yet: Postgres: {status.tallies.postgres.reason}",
            headers | {"retry-after": str(RETRY_AFTER)},
        )
    response.headers.update(headers)
    return Results(
        poll=status.poll.revision,
        title=status.poll.title,
        options=[
            OptionResult(id=letter, name=name, votes=tally.votes[letter])
            for letter, name in status.poll.options.items()
        ],
        total=sum(tally.votes.values()),
        as_of=tally.as_of,
        final=status.is_final,
    )
