"""The spans of OpenTelemetry. `common.tracing` imports this module only if traces are on."""

import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import islice

import msgspec
from opentelemetry import trace
from opentelemetry.context import Context, get_current
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from common.queue import keys
from common.queue.message import Ballot

MAX_TRACED = 128  # ballots of a batch with a span of their own; a span keeps as many links
COUNT = "messaging.batch.message_count"
QUEUE = {"messaging.system": "redis", "messaging.destination.name": keys.VOTES}
SEND = {"messaging.operation.name": "send", "messaging.operation.type": "send"}
PROCESS = {"messaging.operation.name": "process", "messaging.operation.type": "process"}
COMMIT = {"db.system.name": "postgresql", "db.collection.name": "votes"}
BROADCAST = {"messaging.system": "socket.io", "messaging.destination.name": "scores"}

_propagator = TraceContextTextMapPropagator()


class Spans:
    """The spans of this process, sent to the collector that the environment names.

    The SDK reads the standard variables: OTEL_EXPORTER_OTLP_…, OTEL_TRACES_SAMPLER, OTEL_BSP_….
    """

    def __init__(self, service: str, version: str) -> None:
        logging.getLogger("opentelemetry").setLevel("ERROR")  # one line for each failed export
        attributes = {
            "service.name": os.environ.get("OTEL_SERVICE_NAME") or service,
            "service.version": version,
            "service.instance.id": socket.gethostname(),
        }
        self.provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
        self.provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self.provider.get_tracer("voting", version)

    @contextmanager
    def sending(self) -> Iterator[str | msgspec.UnsetType]:
        """Cover the push of a ballot, which carries on the trace if that is sampled."""
        with self._tracer.start_as_current_span(
            "send votes", kind=SpanKind.PRODUCER, attributes=QUEUE | SEND
        ) as span:
            carrier: dict[str, str] = {}
            if span.get_span_context().trace_flags.sampled:
                _propagator.inject(carrier)
            yield carrier.get("traceparent", msgspec.UNSET)

    def processing(self, ballots: Sequence[Ballot], size: int) -> AbstractContextManager[object]:
        """Cover a batch. Its ballots come from many traces, so it has one of its own."""
        return self._tracer.start_as_current_span(
            "process votes",
            kind=SpanKind.CONSUMER,
            attributes={**QUEUE, **PROCESS, COUNT: size},
            links=[_link(context) for context in _contexts(ballots)],
        )

    @contextmanager
    def committing(self, ballots: Sequence[Ballot]) -> Iterator[None]:
        """Cover a commit, in the trace of the batch and in that of each ballot."""
        start, name = self._tracer.start_as_current_span, "commit votes"
        batch, links = get_current(), [_link()]
        with ExitStack() as spans:
            for context in _contexts(ballots):
                attributes = QUEUE | PROCESS | COMMIT
                spans.enter_context(start(name, context, SpanKind.CONSUMER, attributes, links))
            # Last, so that lines of the log belong to the trace of the batch.
            spans.enter_context(start(name, batch, SpanKind.CLIENT, COMMIT))
            yield

    def broadcasting(self, browsers: int) -> AbstractContextManager[object]:
        """Cover a broadcast. Postgres notifies without a trace, so it has one of its own."""
        return self._tracer.start_as_current_span(
            "send scores",
            kind=SpanKind.PRODUCER,
            attributes={**BROADCAST, **SEND, COUNT: browsers},
        )

    def ids(self) -> dict[str, str]:
        """Return what connects a line of the log with the current span."""
        span = trace.get_current_span().get_span_context()
        if not span.is_valid:
            return {}
        return {
            "trace_id": trace.format_trace_id(span.trace_id),
            "span_id": trace.format_span_id(span.span_id),
        }


def _contexts(ballots: Sequence[Ballot]) -> Iterator[Context]:
    traceparents = (ballot.traceparent for ballot in ballots)
    for traceparent in islice(filter(None, traceparents), MAX_TRACED):
        yield _propagator.extract({"traceparent": str(traceparent)})


def _link(context: Context | None = None) -> trace.Link:
    return trace.Link(trace.get_current_span(context).get_span_context())
