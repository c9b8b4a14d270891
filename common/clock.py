"""The time of this machine, as messages carry it: since the epoch, UTC."""

import time


def milliseconds() -> int:
    """Return the time in ms, as heartbeats, faults and events have it."""
    return time.time_ns() // 1_000_000


def microseconds() -> int:
    """Return the time in µs, as ballots have it."""
    return time.time_ns() // 1000
