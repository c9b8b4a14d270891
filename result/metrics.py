"""Metrics of the result service."""

from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from common import __version__
from common.metrics import LATENCY_BUCKETS, registry


class Metrics:
    """The metrics of one result app, in a registry of their own."""

    def __init__(self, version: str = __version__) -> None:
        self.registry = registry(version)
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.voters = gauge("result_voters", "Voters behind each option.", ["option", "poll"])
        self.browsers = gauge("result_browsers", "Connected browsers.")
        self.broadcasts = counter("result_broadcasts", "Scores sent to all browsers.")
        self.tally_read_seconds = histogram(
            "result_tally_read_seconds",
            "Time that one read of the tallies took.",
            buckets=LATENCY_BUCKETS,
        )
