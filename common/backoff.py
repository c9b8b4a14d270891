"""How long to wait before each retry: exponential backoff with jitter.

The jitter keeps many processes that lost the same store from returning in one instant.
Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), equal jitter.
"""

import random
from collections.abc import Iterator

FIRST = 0.1  # seconds
CAP = 5.0  # seconds


def delays(cap: float = CAP) -> Iterator[float]:
    """Yield the seconds to wait after each failure in a row, without end."""
    step = FIRST
    while True:
        yield random.uniform(step / 2, step)  # noqa: S311 (not a secret)
        step = min(2 * step, cap)
