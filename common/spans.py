"""The spans of OpenTelemetry. `common.tracing` imports this module only if traces are on."""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import islice

import msgspec
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    format_span_id,
    format_trace_id,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common import keys
from common.ballot import Ballot

# Ballots of one batch with a commit span of their own. A span keeps as many links.
MAX_TRACED = 128
POSTGRES = {"db.system.name": "postgresql", "db.collection.name": "votes"}

_propagator = TraceContextTextMapPropagator()


class Spans:
    """What this process records and sends to the collector of the environment.

    The SDK reads the standard variables: OTEL_EXPORTER_OTLP_…, OTEL_TRACES_SAMPLER, OTEL_BSP_….
    """

    def __init__(self, service: str, version: str) -> None:
        logging.getLogger("opentelemetry").setLevel("ERROR")  # one line for each failed export
        resource = Resource.create(
            {
                "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
                "service.version": version,
                "service.instance.id": socket.gethostname(),
            }
        )
        self.provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("voting", version)

    @contextmanager
    def sending(self) -> Iterator[str | msgspec.UnsetType]:
        """Cover the push of a ballot, which carries on the trace if that is sampled."""
        with self._tracer.start_as_current_span(
            f"send {keys.VOTES}", kind=SpanKind.PRODUCER, attributes=_messaging("send")
        ) as span:
            carrier: dict[str, str] = {}
            if span.get_span_context().trace_flags.sampled:
                _propagator.inject(carrier)
            yield carrier.get("traceparent", msgspec.UNSET)

    def processing(self, ballots: Sequence[Ballot], size: int) -> AbstractContextManager[Span]:
        """Cover a batch. Its ballots come from many traces, so it has one of its own."""
        sent = [get_current_span(context).get_span_context() for context in _contexts(ballots)]
        return self._tracer.start_as_current_span(
            f"process {keys.VOTES}",
            kind=SpanKind.CONSUMER,
            attributes=_messaging("process") | {"messaging.batch.message_count": size},
            links=[Link(context) for context in sent],
        )

    @contextmanager
    def committing(self, ballots: Sequence[Ballot]) -> Iterator[None]:
        """Cover a commit, in the trace of the batch and in that of each ballot."""
        name = f"commit {keys.VOTES}"
        batch = Link(get_current_span().get_span_context())
        attributes = _messaging("process", "commit") | POSTGRES
        commits = [
            self._tracer.start_span(name, context, SpanKind.CONSUMER, attributes, [batch])
            for context in _contexts(ballots)
        ]
        status = Status(StatusCode.ERROR)
        try:
            with self._tracer.start_as_current_span(
                name, kind=SpanKind.CLIENT, attributes=POSTGRES
            ):
                yield
            status = Status(StatusCode.OK)
        finally:
            for commit in commits:
                commit.set_status(status)
                commit.end()

    def broadcasting(self, browsers: int) -> AbstractContextManager[Span]:
        """Cover a broadcast. Postgres notifies without a trace, so it has one of its own."""
        return self._tracer.start_as_current_span(
            "send scores",
            kind=SpanKind.PRODUCER,
            attributes={
                "messaging.system": "socket.io",
                "messaging.operation.name": "send",
                "messaging.operation.type": "send",
                "messaging.destination.name": "scores",
                "voting.browsers": browsers,
            },
        )

    def ids(self) -> dict[str, str]:
        """Return what connects a line of the log with the current span."""
        context = get_current_span().get_span_context()
        if not context.is_valid:
            return {}
        return {
            "trace_id": format_trace_id(context.trace_id),
            "span_id": format_span_id(context.span_id),
        }


def _messaging(operation: str, name: str | None = None) -> dict[str, str | int]:
    return {
        "messaging.system": "redis",
        "messaging.operation.name": name or operation,
        "messaging.operation.type": operation,
        "messaging.destination.name": keys.VOTES,
    }


def _contexts(ballots: Sequence[Ballot]) -> Iterator[Context]:
    traceparents = (ballot.traceparent for ballot in ballots)
    for traceparent in islice(filter(None, traceparents), MAX_TRACED):
        yield _propagator.extract({"traceparent": str(traceparent)})
