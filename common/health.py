"""The routes for operators: `/healthz`, `/readyz` and `/metrics`."""

from collections.abc import Sequence

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from common.dependency import Dependency


def routes(
    needed: Sequence[Dependency],
    registry: CollectorRegistry,
    *,
    optional: Sequence[Dependency] = (),
    ready_when_degraded: bool,
) -> list[Route]:
    """Return the routes of one service.

    `/healthz` answers 200 while the process works and looks at no store. `/readyz` answers 503
    until every needed store has answered once.

    Args:
        needed: The stores without which the service cannot do its work.
        registry: The metrics of the service; gets `dependency_up`.
        optional: Stores that are reported, but never make the service unready.
        ready_when_degraded: Whether `/readyz` stays 200 while a needed store is unavailable. True
            for the pages: a page that explains an outage is better than a refused connection.
    """
    dependencies = [*needed, *optional]
    gauge = Gauge(
        "dependency_up",
        "1 while the store answers, 0 while it is unavailable.",
        ["dependency"],
        registry=registry,
    )

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(_: Request) -> Response:
        if not all(each.was_available for each in needed):
            status = "starting"
        elif all(each.is_available for each in dependencies):
            status = "ok"
        elif ready_when_degraded or all(each.is_available for each in needed):
            status = "degraded"
        else:
            status = "unavailable"
        content = {
            "status": status,
            "dependencies": {each.name: _state(each) for each in dependencies},
        }
        return JSONResponse(content, 200 if status in ("ok", "degraded") else 503)

    async def metrics(_: Request) -> Response:
        for each in dependencies:
            gauge.labels(each.name).set(each.is_available)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


def _state(dependency: Dependency) -> dict[str, str]:
    state = {"state": dependency.state, "since": dependency.since.isoformat()}
    if dependency.reason is not None:
        state["reason"] = dependency.reason
    return state
