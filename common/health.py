"""The routes for those who operate a service: `/healthz`, `/startz`, `/readyz` and `/metrics`."""

from collections.abc import Sequence

import prometheus_client
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from common import dependency


def routes(
    needed: Sequence[dependency.Dependency],
    registry: prometheus_client.CollectorRegistry,
    optional: Sequence[dependency.Dependency] = (),
) -> list[Route]:
    """`/healthz`: the process works, else 503. `/readyz`: what is `needed` answers, else 503.

    `/startz`: what is `needed` has answered since the process began, else 503. From then on a page
    has something to say, also while a store is away: that it is, and what becomes of a vote.

    What is `optional` is told as well, and makes nothing unready.
    """

    async def healthz(_: Request) -> Response:
        # The one fault of a store that a restart may mend: the password is read at the start. Once,
        # where the store is optional: without it there is still something to show.
        for each in (*needed, *(each for each in optional if each.was_up)):
            if each.is_refused:
                refusal = f"{each.name} refuses the credentials ({each.reason})"
                return PlainTextResponse(f"{refusal}: start again with others\n", 503)
        return PlainTextResponse("ok\n")

    async def startz(_: Request) -> Response:
        return told("started", all(each.was_up for each in needed))

    async def readyz(_: Request) -> Response:
        return told("ready", all(each.is_up for each in needed))

    def told(what: str, so: bool) -> Response:
        states = {each.name: _state(each) for each in (*needed, *optional)}
        return JSONResponse({what: so, "dependencies": states}, 200 if so else 503)

    async def metrics(_: Request) -> Response:
        text = prometheus_client.generate_latest(registry)
        return Response(text, media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz),
        Route("/startz", startz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def _state(each: dependency.Dependency) -> dict[str, str]:
    away = "preparing" if each.is_preparing else "away"
    state = {"state": "up" if each.is_up else away, "since": each.since.isoformat()}
    if each.reason is not None:
        state["reason"] = each.reason
    return state
