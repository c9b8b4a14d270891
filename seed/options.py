"""The options of the job, from the command line."""

import argparse
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from yarl import URL

from common.poll import OPTION_LETTERS

MAX_NUMBER = 10_000_000
MAX_CONCURRENCY = 1_000  # each voter has a connection; many systems allow 1,024 open files


@dataclass(frozen=True)
class Options:
    """How many votes to cast, where and how fast."""

    votes: int
    split: tuple[int, ...]
    url: str
    verify: str | None
    exact: bool  # whether the result may grow by no other votes
    rate: float | None  # votes per second; None: no limit
    concurrency: int
    timeout: float  # seconds


def _number(kind: type[int] | type[float], most: int = MAX_NUMBER) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number <= most:
            name = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is not a {name} above 0, up to {most:,}")
        return number

    return parse


def _split(text: str) -> tuple[int, ...]:
    parts = tuple(int(part) if part.isdecimal() else -1 for part in text.split(":"))
    if not any(parts) or min(parts) < 0 or len(parts) > len(OPTION_LETTERS):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a split: write one whole number per option, such as 2:1"
        )
    return parts


def _url(text: str) -> str:
    try:
        url = URL(text)
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as http://localhost:8080")
    return text.rstrip("/")


# Option, type, default, help.
OPTIONS = (
    ("votes", _number(int), "3000", "number of voters"),
    ("split", _split, "2:1", "shares of the options a, b, c, ..."),
    ("url", _url, "http://localhost:8080", "vote page"),
    ("verify", _url, None, "result page, to compare its growth"),
    ("rate", _number(float), None, "votes per second"),
    ("duration", _number(float), None, "seconds; with --rate, for --votes"),
    ("concurrency", _number(int, MAX_CONCURRENCY), "64", "voters at once"),
    ("timeout", _number(float), "60", "seconds to wait for each step"),
)


def parse(arguments: Sequence[str] | None = None, program: str = "python -m seed") -> Options:
    """Read the options. On a mistake, print it and exit with status 2."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Cast votes at the vote page as browsers do, each voter with its own cookie.",
        epilog="Exit status: 0 if every vote was acknowledged (and verified, with --verify);"
        " 1 if not; 2 if an option is invalid.",
        allow_abbrev=False,
    )
    for name, kind, default, text in OPTIONS:
        shown = f"{text} (default: {default or 'none'})"
        parser.add_argument(f"--{name}", type=kind, default=default, help=shown)
        if os.environ.get(f"SEED_{name.upper()}"):  # of earlier versions
            parser.error(f"SEED_{name.upper()} is no longer a setting: use the option --{name}")
    parser.add_argument("--exact", action="store_true", help="--verify: nobody else votes")
    values = vars(parser.parse_args(arguments))
    if duration := values.pop("duration"):
        if values["rate"] is None:
            parser.error("--duration needs --rate, the votes per second")
        values["votes"] = max(1, round(values["rate"] * duration))
    return Options(**values)
