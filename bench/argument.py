"""Numbers on a command line, as types for argparse."""

import argparse
import math

SECOND, DAY = 1 / 60, 24 * 60  # in minutes
MOST = 10_000_000_000  # of whatever: more than there are people


def count(text: str) -> int:
    """A whole number from 1 to `MOST`. Raises ArgumentTypeError."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if not 1 <= number <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to {MOST:,}")
    return number


def rate(text: str) -> float:
    """A number above 0, up to `MOST`. Raises ArgumentTypeError."""
    number = _number(text)
    if not 0 < number <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0, up to {MOST:,}")
    return number


def minutes(text: str) -> float:
    """Minutes, from a second to a day. Raises ArgumentTypeError."""
    number = _number(text)
    if not SECOND <= number <= DAY:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of minutes from {SECOND:.2g} (a second) to {DAY} (a day)"
        )
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # which is in no range
