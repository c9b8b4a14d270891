"""A collector of OpenTelemetry in the process of the tests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.service import free_port


class Span(NamedTuple):
    """A span as a service has sent it."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    links: list[tuple[str, str]]  # trace and span
    attributes: dict[str, Any]
    failed: bool


class Collector:
    """Keeps the spans that arrive.

    Attributes:
        environment: The variables of a service that sends its spans here.
    """

    def __init__(self, port: int) -> None:
        self.spans: list[Span] = []
        self.environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",  # ms
        }

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    async def receive(self, request: web.Request) -> web.Response:
        content = ExportTraceServiceRequest.FromString(await request.read())
        for resource in content.resource_spans:
            service = _attributes(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [_span(service, span) for span in scope.spans]
        return web.Response(body=ExportTraceServiceResponse().SerializeToString())


def _span(service: str, span: Any) -> Span:
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        _attributes(span.attributes),
        span.status.code == span.status.STATUS_CODE_ERROR,
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@asynccontextmanager
async def opened() -> AsyncIterator[Collector]:
    """Listen while the block runs."""
    port = free_port()
    collector = Collector(port)
    app = web.Application()
    app.router.add_post("/v1/traces", collector.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield collector
    finally:
        await runner.cleanup()
