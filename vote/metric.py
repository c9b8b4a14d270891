"""What the vote service counts and measures."""

import prometheus_client

from common import metric


class Metrics:
    """The metrics of one vote app, in a registry of their own."""

    def __init__(self, option_ids: frozenset[str]) -> None:
        self.registry = metric.registry()
        accepted = prometheus_client.Counter(
            "vote_ballots_accepted",
            "Ballots that Redis has acknowledged.",
            ["option"],
            registry=self.registry,
        )
        self.accepted = {option: accepted.labels(option=option) for option in sorted(option_ids)}
        self.refused = prometheus_client.Counter(
            "vote_ballots_refused",
            "Posts that were answered with an error.",
            ["reason"],
            registry=self.registry,
        )
        self.push_seconds = prometheus_client.Histogram(
            "vote_push_seconds",
            "From a push to Redis to its acknowledgement.",
            buckets=metric.LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.push_batch_size = prometheus_client.Histogram(
            "vote_push_batch_size",
            "Ballots that travelled together in one push.",
            buckets=metric.SIZE_BUCKETS,
            registry=self.registry,
        )
