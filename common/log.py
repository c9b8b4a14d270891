"""Structured logging: plain lines for people, JSON for machines. Everything goes to stderr."""

import logging
import socket
import sys
import typing

import orjson
import structlog


def configure(log_format: typing.Literal["plain", "json"], level: str) -> None:
    """Sends the logs of this process, those of libraries too, to stderr in `log_format`."""
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    final: list[structlog.typing.Processor]
    if log_format == "json":
        final = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer(_dumps)]
    else:
        final = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    # Each says on every start and stop what the services say themselves.
    for name in ("uvicorn", "uvicorn.error", "engineio", "socketio"):
        logging.getLogger(name).setLevel("WARNING")
    logging.getLogger("asyncio").addFilter(_is_news)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _is_news(record: logging.LogRecord) -> bool:
    """All but the answer of a name server to an attempt to connect that was given up meanwhile.

    Why it was given up is told already; uvloop leaves that answer to nobody, which asyncio logs.
    """
    error = record.exc_info[1] if record.exc_info else None
    return not (
        isinstance(error, socket.gaierror)
        and record.getMessage().startswith("Future exception was never retrieved")
    )


def _dumps(event: typing.Any, **_: typing.Any) -> str:
    return orjson.dumps(event, default=repr).decode()
