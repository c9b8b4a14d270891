"""People who come to vote: how many want to, at each moment."""

import math
from collections.abc import Callable

STEP = 0.1  # seconds

Curve = Callable[[float], float]  # votes that people want to cast, a second, at a time in seconds


def curve(voters: int, seconds: float) -> Curve:
    """A rush after the start, as after a call on television: half within the first quarter."""
    rise = seconds / 60
    fall = seconds / 2.9

    def shape(at: float) -> float:
        return at / rise if at < rise else math.exp(-(at - rise) / fall)

    whole = sum(shape(number * STEP) for number in range(round(seconds / STEP))) * STEP
    return lambda at: voters * shape(at) / whole


def peak(voters: int, seconds: float) -> float:
    """The most votes a second of that crowd."""
    rate = curve(voters, seconds)
    return max(rate(number * STEP) for number in range(round(seconds / STEP)))
