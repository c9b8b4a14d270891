"""Refusals for programs: problem details in JSON (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry, Counter
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """Why a request was refused."""

    title: str = Field(description="The HTTP status in words")
    status: int
    detail: str


class Problems:
    """Answers refused requests and counts them.

    Args:
        registry: The metrics of the service; gets `http_problems_total`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answered = Counter(
            "http_problems", "Requests that were answered with a problem.", ["status"],
            registry=registry,
        )  # fmt: skip

    def answer(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: object
    ) -> Response:
        """Return the answer to a refused request, with `more` members."""
        self._answered.labels(status).inc()
        title = HTTPStatus(status).phrase
        content = {"title": title, "status": status, "detail": detail, **more}
        headers = {"cache-control": "no-store", **(headers or {})}
        return JSONResponse(content, status, headers, MEDIA_TYPE)

    async def report(self, _: Request, error: HTTPException) -> Response:
        """Exception handler: answer a request that the router or a handler refuses."""
        return self.answer(error.status_code, error.detail, error.headers)

    async def report_invalid(self, _: Request, error: RequestValidationError) -> Response:
        """Exception handler: answer a request whose body is invalid. Do not repeat its values."""
        faults = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return self.answer(422, "; ".join(faults))


def responses(*statuses: int, model: type[Problem] = Problem) -> dict[int | str, dict[str, Any]]:
    """Return what the OpenAPI document says about the refusals of an endpoint."""
    content = {MEDIA_TYPE: {"schema": model.model_json_schema()}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }
