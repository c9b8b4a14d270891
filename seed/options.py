"""The options of the job: from the command line, else from the environment."""

import argparse
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from seed import client, split

MAX_VOTES = 100_000_000
MAX_CONCURRENCY = 10_000


@dataclass(frozen=True)
class Options:
    """What was asked for."""

    votes: int
    split: tuple[int, ...]
    url: client.Address
    verify: client.Address | None
    rate: float | None  # votes a second
    concurrency: int
    timeout: float  # seconds


def _whole(most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch("[0-9]{1,12}", text) or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to {most}")
        return int(text)

    return parse


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number greater than 0")
    return number


def _split(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[0-9]{1,9}(:[0-9]{1,9})*", text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a split: whole numbers, one for each option, with colons, like 2:1"
        )
    parts = tuple(int(part) for part in text.split(":"))
    if not any(parts):
        raise argparse.ArgumentTypeError(f"{text!r} gives no option a vote: like 2:1")
    if len(parts) > len(split.LETTERS):
        raise argparse.ArgumentTypeError(
            f"{text!r} has {len(parts)} parts: there are at most {len(split.LETTERS)} options"
        )
    return parts


def _address(text: str) -> client.Address:
    try:
        return client.Address.parse(text)
    except ValueError as problem:
        raise argparse.ArgumentTypeError(str(problem)) from None


class _Option(NamedTuple):
    name: str
    variables: tuple[str, ...]  # the first one that is set counts
    parse: Callable[[str], Any]
    default: str | None
    metavar: str
    help: str


OPTIONS = (
    _Option("votes", ("SEED_VOTES",), _whole(MAX_VOTES), "3000", "N", "how many voters vote"),
    _Option(
        "split", ("SEED_SPLIT",), _split, "2:1", "A:B", "the options' shares, for a, b, c, ..."
    ),
    _Option(
        "url", ("SEED_URL", "VOTE_URL"), _address, "http://localhost:8080", "URL", "the vote page"
    ),
    _Option(
        "verify",
        ("SEED_VERIFY", "RESULT_URL"),
        _address,
        None,
        "URL",
        "the result page, whose numbers must then grow by exactly what was cast",
    ),
    _Option(
        "rate", ("SEED_RATE",), _positive, None, "N", "votes a second; else as fast as it goes"
    ),
    _Option(
        "concurrency",
        ("SEED_CONCURRENCY",),
        _whole(MAX_CONCURRENCY),
        "64",
        "N",
        "how many voters vote at once",
    ),
    _Option(
        "timeout",
        ("SEED_TIMEOUT",),
        _positive,
        "60",
        "S",
        "seconds to wait: until vote is ready, for one vote (it is tried again), for the result",
    ),
)


def parse(
    arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ
) -> Options:
    """Read the options; on a mistake say what is right, and exit with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m seed",
        description="Post votes to the vote service, as voters would: each with its own cookies.",
        epilog="Exit status: 0 if every vote was acknowledged, and verified if that was asked for;"
        " 1 if not; 2 for wrong options.",
        allow_abbrev=False,
    )
    for option in OPTIONS:
        told = f"{option.help} (default {option.default})" if option.default else option.help
        parser.add_argument(
            f"--{option.name}",
            type=option.parse,
            metavar=option.metavar,
            help=f"{told} [{', '.join(option.variables)}]",
        )
    chosen = vars(parser.parse_args(arguments))
    for option in OPTIONS:
        if chosen[option.name] is None:
            chosen[option.name] = _from_environment(option, environment, parser)
    return Options(**chosen)


def _from_environment(
    option: _Option, environment: Mapping[str, str], parser: argparse.ArgumentParser
) -> Any:
    for variable in option.variables:
        if text := environment.get(variable):
            try:
                return option.parse(text)
            except argparse.ArgumentTypeError as problem:
                parser.error(f"{variable}: {problem}")
    return option.parse(option.default) if option.default else None
