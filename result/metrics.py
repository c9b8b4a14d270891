"""Metrics of the result service."""

from prometheus_client import Counter, Gauge, Histogram

from common import __version__
from common.metrics import LATENCY_BUCKETS, registry


class Metrics:
    """The metrics of one result app, in a registry of their own."""

    def __init__(self, version: str = __version__) -> None:
        self.registry = registry(version)
        self.voters = Gauge(
            "result_voters", "Voters behind each option.", ["option"], registry=self.registry
        )
        self.browsers = Gauge("result_browsers", "Connected browsers.", registry=self.registry)
        self.broadcasts = Counter(
            "result_broadcasts", "Scores sent to all browsers.", registry=self.registry
        )
        self.tally_read_seconds = Histogram(
            "result_tally_read_seconds",
            "Time that one read of the tallies took.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
