"""What the result service counts and measures."""

from prometheus_client import Counter, Gauge, Histogram

from common import metric


class Metrics:
    """The metrics of one result app, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = metric.registry()
        self.voters = Gauge(
            "result_voters", "Voters behind each option.", ["option"], registry=registry
        )
        self.browsers = Gauge("result_browsers", "Connected browsers.", registry=registry)
        self.broadcasts = Counter(
            "result_broadcasts", "Scores sent to all browsers.", registry=registry
        )
        self.tally_read_seconds = Histogram(
            "result_tally_read_seconds",
            "Time that one read of the tallies took.",
            buckets=metric.LATENCY_BUCKETS,
            registry=registry,
        )
