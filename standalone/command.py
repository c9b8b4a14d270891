"""The command line: the whole system on this machine, without Docker."""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from common import __version__
from standalone.child import SetupError, Watch

EXIT_STATUS = 2  # for wrong options or settings, a port in use, data that cannot be used
DATA = ".standalone"
ANOTHER_FOLDER = "another data folder (--data DIR; in a container, another volume)"


def parse(program: str, data: Path, arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; on a mistake, say so and exit with status 2.

    Args:
        program: The command that the help names.
        data: The default of --data.
        arguments: The arguments, by default those of this process.
    """
    parser = argparse.ArgumentParser(
        prog=program,
        description="Run vote, worker, result, Postgres and Valkey on this machine.",
        epilog="The services read their other settings from the environment or from .env.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action="version", version=__version__)
    add("--data", type=Path, default=data, metavar="DIR", help="the data folder (%(default)s)")
    add("--fresh", action="store_true", help="delete all votes of earlier runs first")
    for name, port, purpose in (
        ("vote", 8080, "the vote page"),
        ("result", 8081, "the result page"),
        ("worker", 8082, "the worker's health and metrics, on 127.0.0.1"),
    ):
        help_text = f"{purpose} ({port}; 0 for any free port)"
        add(f"--{name}-port", type=_port, default=port, metavar="N", help=help_text)
    return parser.parse_args(arguments)


def run(program: str, data: Path) -> None:
    """Run the system until a signal stops it. The arguments are those of `parse`."""
    watch = Watch()
    options = parse(program, data)
    # Imported late: a signal must shut this program down gracefully from its first moment on.
    from standalone import system

    try:
        with ExitStack() as held:
            system.run(options, watch, held)
    except SetupError as error:
        print(f"standalone: {error}", file=sys.stderr)
    except OSError as error:
        hint = f"run this as the user who created the data, or choose {ANOTHER_FOLDER}"
        print(f"standalone: {error}: {hint}", file=sys.stderr)
    sys.exit(EXIT_STATUS)


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is out of range (0 to 65535)")
    return int(text)
