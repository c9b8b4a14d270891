"""The presenter's endpoints: log in, inject faults, delete all votes.

They exist only with FAULTS=enabled, and accept requests of the page itself and of programs.
"""

import asyncio
import hmac
import secrets
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from itsdangerous import TimestampSigner
from pydantic import AfterValidator, BaseModel, Field
from redis.asyncio import Redis

from common import faults
from common.dependency import describe
from common.faults import Fault, FaultError
from common.problem import responses
from common.queue import keys
from common.redis_client import UNAVAILABLE
from common.security import is_cross_site
from result.routes import get_status
from result.status import Status

COOKIE = "presenter"
COOKIE_AGE = 12 * 60 * 60  # seconds
FIRST_DELAY = 0.1  # seconds until the answer after one wrong token
MAX_DELAY = 2.0  # seconds
RESET_TTL = 5  # seconds in which a worker must see the request; later nobody expects it any more


class Presenter:
    """The token that opens the endpoints, and the Redis where faults are set.

    Each wrong token doubles the time until the next answer to anyone, up to `MAX_DELAY`. So a
    guesser is slow, and the right token never waits for long.
    """

    def __init__(self, client: Redis, token: str) -> None:
        self.client = client
        self._token = token.encode()
        self._signer = TimestampSigner(token, salt="presenter")
        self._delay = 0.0  # seconds

    async def accepts(self, token: str) -> bool:
        """Return whether this is the token. The answer waits after wrong ones."""
        await asyncio.sleep(self._delay)
        if hmac.compare_digest(token.encode(), self._token):
            self._delay = 0.0
            return True
        self._delay = min(max(FIRST_DELAY, 2 * self._delay), MAX_DELAY)
        return False

    def create_cookie(self) -> str:
        """Return a cookie that is valid for `COOKIE_AGE`. It does not reveal the token."""
        return self._signer.sign(secrets.token_urlsafe(16)).decode()

    def accepts_cookie(self, value: str) -> bool:
        """Return whether `create_cookie` made this cookie within the last `COOKIE_AGE`."""
        return self._signer.validate(value, max_age=COOKIE_AGE)


async def get_presenter(request: Request) -> Presenter:
    """Return the presenter.

    Raises:
        HTTPException: Another site made the browser send the request.
    """
    if is_cross_site(request.headers):
        raise HTTPException(403, "requests from other sites are not accepted")
    request.app.state.audience.note()
    presenter: Presenter = request.app.state.presenter
    return presenter


async def get_redis(
    request: Request, presenter: Annotated[Presenter, Depends(get_presenter)]
) -> AsyncIterator[Redis]:
    """Lend Redis to a presenter who has logged in.

    Raises:
        HTTPException: The cookie is missing or wrong, or Redis is unavailable.
    """
    if not presenter.accepts_cookie(request.cookies.get(COOKIE, "")):
        raise HTTPException(401, "log in first: POST /system/login with the token")
    try:
        yield presenter.client
    except UNAVAILABLE as error:
        raise HTTPException(503, f"Redis is unavailable: {describe(error)}") from None


def _check_text(text: str) -> str:
    text.encode()  # JSON can express half of a character, which UTF-8 cannot
    return text


Text = Annotated[str, AfterValidator(_check_text)]


class Login(BaseModel):
    """The request to log in."""

    token: Text = Field(description="The setting PRESENTER_TOKEN")


class FaultRequest(BaseModel):
    """The fault that a presenter asks for; see `common.faults.create`."""

    kind: Text = Field(examples=list(faults.KINDS))
    replica: Text | None = Field(None, description="All replicas of the service by default")
    value: int | None = Field(None, description="ms or percent; each kind has a default")
    seconds: int = faults.SECONDS


class ResetRequest(BaseModel):
    """The confirmation that all votes shall be deleted."""

    confirm: Literal["delete all votes"]


router = APIRouter(prefix="/system", responses=responses(401, 403, 413, 422, 503))


@router.get("/login")
async def is_logged_in(
    request: Request, presenter: Annotated[Presenter, Depends(get_presenter)]
) -> bool:
    """Return whether the browser has sent the cookie that the other endpoints require."""
    return presenter.accepts_cookie(request.cookies.get(COOKIE, ""))


@router.post("/login", status_code=204)
async def log_in(
    login: Login,
    request: Request,
    response: Response,
    presenter: Annotated[Presenter, Depends(get_presenter)],
) -> None:
    """Set the cookie that the other endpoints require."""
    if not await presenter.accepts(login.token):
        raise HTTPException(401, "token: this is not the PRESENTER_TOKEN of the service")
    response.set_cookie(
        COOKIE,
        presenter.create_cookie(),
        max_age=COOKIE_AGE,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


@router.post("/faults", status_code=201)
async def set_fault(request: FaultRequest, client: Annotated[Redis, Depends(get_redis)]) -> Fault:
    """Set a fault. It replaces one of the same kind with the same target."""
    try:
        fault = faults.create(**request.model_dump())
    except FaultError as error:
        raise HTTPException(422, str(error)) from None
    await faults.add(client, fault)
    return fault


@router.delete("/faults", status_code=204)
async def clear_faults(client: Annotated[Redis, Depends(get_redis)]) -> None:
    """End all faults."""
    await faults.clear(client)


@router.post("/reset", status_code=202)
async def reset(
    _: ResetRequest,
    client: Annotated[Redis, Depends(get_redis)],
    status: Annotated[Status, Depends(get_status)],
) -> None:
    """Ask the workers to delete all votes. One does it at once."""
    # Just after a reset, a worker has no session for a moment.
    if status.has_no_worker and not status.pipeline.replicas.is_available("worker"):
        raise HTTPException(503, "no worker is running: start one, then ask again")
    async with asyncio.timeout(faults.TIMEOUT):
        async with client.pipeline() as transaction:
            transaction.rpush(keys.RESET, 1)  # wakes one worker
            transaction.expire(keys.RESET, RESET_TTL)
            await transaction.execute()
