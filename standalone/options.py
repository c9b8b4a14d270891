"""The command line of `python -m standalone`."""

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

DATA = ".standalone"
VOTE_PORT = 8080
RESULT_PORT = 8081
WORKER_PORT = 8082
MAX_PORT = 65535

EPILOG = (
    "All settings of the services but PORT hold, from the environment or from .env."
    " Where they name a store (DATABASE_URL or DB_HOST, REDIS_URL or REDIS_HOST), that one is used."
)


@dataclass(frozen=True)
class Options:
    """What was asked for on the command line."""

    data: Path
    fresh: bool
    host: str | None  # None: as the setting HOST says
    vote_port: int
    result_port: int
    worker_port: int


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; on a mistake say what is wrong and exit with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m standalone",
        description="Run the whole voting system on this machine:"
        " vote, worker and result, Postgres and Valkey.",
        epilog=EPILOG,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--data", type=Path, default=Path(DATA), metavar="DIR", help=f"kept data ({DATA})")
    add("--fresh", action="store_true", help="delete what was kept, and begin anew")
    add("--host", help="the address that the pages listen on (HOST, else 0.0.0.0)")
    for name, port, what in (
        ("vote", VOTE_PORT, "the vote page"),
        ("result", RESULT_PORT, "the result page"),
        ("worker", WORKER_PORT, "the worker's health and metrics, on 127.0.0.1"),
    ):
        add(f"--{name}-port", type=_port, default=port, metavar="N", help=f"{what} ({port})")
    return Options(**vars(parser.parse_args(arguments)))


def changed(option: str) -> str:
    """How a person changes an option: with `make run` it goes in ARGS."""
    return f"make run ARGS='{option} ...'" if "MAKELEVEL" in os.environ else option


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text) <= MAX_PORT:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a port: a number from 1 to {MAX_PORT}, or 0 for any free one"
        )
    return int(text)
