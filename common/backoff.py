"""How long to wait before the next attempt: exponential, capped, jittered."""

import random

BASE = 0.1  # seconds
CAP = 5.0  # seconds
MAX_EXPONENT = 10  # keeps the power small; 2**10 * BASE is far beyond CAP


def delay(failures: int) -> float:
    """Return the seconds to wait after `failures` (1 or more) in a row.

    The jitter keeps many processes that lost the same store from returning in one instant.
    Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015), equal jitter.
    """
    step = min(CAP, BASE * 2.0 ** min(failures - 1, MAX_EXPONENT))
    return step / 2 + random.uniform(0, step / 2)  # noqa: S311 (not a secret)
