"""Traces: each vote is one trace, from the request to the commit.

They are on if OTEL_EXPORTER_OTLP_ENDPOINT is set. Otherwise nothing that records or sends them is
imported, and each call here only finds out that traces are off.
"""

import os
import sys
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import msgspec

from common.queue.message import Ballot
from common.settings import SettingsError

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

    from common.spans import Spans

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
# The images keep the packages apart. Otherwise other libraries would import them, too.
PACKAGES = "/opt/tracing"
FLUSH_TIMEOUT = 1.5  # seconds that the end of a process waits for the collector

_spans: "Spans | None" = None
_no_span: AbstractContextManager[Any] = nullcontext(msgspec.UNSET)


def configure(service: str, version: str) -> None:
    """Turn traces on if the environment names a collector.

    Args:
        service: The name of the service in traces, unless OTEL_SERVICE_NAME is set.
        version: The version of this replica.

    Raises:
        SettingsError: The address of the collector is not one for OTLP over HTTP.
    """
    global _spans
    endpoint = os.environ.get(ENDPOINT)
    if not endpoint or _spans:
        return
    if not endpoint.startswith(("http://", "https://")):
        raise SettingsError(
            f"{ENDPOINT}: {endpoint!r} is not valid: must look like http://collector:4318"
        )
    sys.path.append(PACKAGES)
    from common.spans import Spans

    _spans = Spans(service, version)


def telemetry() -> "TelemetryConfig":
    """Return FastAPI's argument `telemetry`: the server's span for each POST, if traces are on."""
    return {
        "tracing": _spans is not None,
        "tracer_provider": _spans.provider if _spans else None,
        "exclude": lambda scope: scope["method"] != "POST",
        # For the rest, FastAPI's hooks would only cost time.
        "operation_spans": False,
        "metrics": False,
        "logs": False,
    }


def sending() -> AbstractContextManager[str | msgspec.UnsetType]:
    """Cover the push of a ballot. The block gets the ballot's `traceparent`."""
    return _spans.sending() if _spans else _no_span


def processing(ballots: Sequence[Ballot], size: int) -> AbstractContextManager[Any]:
    """Cover a worker's batch of `size` messages. The span has links to the ballots."""
    return _spans.processing(ballots, size) if _spans else _no_span


def committing(ballots: Sequence[Ballot]) -> AbstractContextManager[Any]:
    """Cover a commit: one span in the trace of the batch, and one in that of each ballot."""
    return _spans.committing(ballots) if _spans else _no_span


def broadcasting(browsers: int) -> AbstractContextManager[Any]:
    """Cover a broadcast of the scores."""
    return _spans.broadcasting(browsers) if _spans else _no_span


def add_trace_id(_logger: Any, _method: str, event: Any) -> Any:
    """Add `trace_id` and `span_id` to a line of the log that was written within a span."""
    if _spans:
        event.update(_spans.ids())
    return event


def shutdown() -> None:
    """Send the last spans, for at most `FLUSH_TIMEOUT` seconds."""
    if _spans:
        flushing = threading.Thread(target=_spans.provider.shutdown, daemon=True)
        flushing.start()
        flushing.join(FLUSH_TIMEOUT)
