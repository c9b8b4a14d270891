"""How long to wait before the next try: exponential, capped, jittered."""

import random

BASE = 0.1  # seconds
CAP = 5.0  # seconds
MAX_EXPONENT = 10  # 2**10 * BASE is far beyond CAP; keeps the power small


def delay(failures: int) -> float:
    """Seconds to wait after `failures` (1 or more) in a row: between half and all of the step.

    Equal jitter, after "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): many
    processes that lost the same store do not come back in one instant.
    """
    step = min(CAP, BASE * 2.0 ** min(failures - 1, MAX_EXPONENT))
    return step / 2 + random.uniform(0, step / 2)  # noqa: S311 (no secret)
