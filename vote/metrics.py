"""Metrics of the vote service."""

from prometheus_client import Counter, Histogram

from common import __version__
from common.metrics import LATENCY_BUCKETS, SIZE_BUCKETS, registry


class Metrics:
    """The metrics of one vote app, in a registry of their own."""

    def __init__(self, option_ids: list[str], version: str = __version__) -> None:
        self.registry = registry(version)
        self.accepted = Counter(
            "vote_ballots_accepted",
            "Ballots that Redis has acknowledged.",
            ["option"],
            registry=self.registry,
        )
        for option_id in option_ids:
            self.accepted.labels(option_id)  # an option without votes shows 0
        self.refused = Counter(
            "vote_ballots_refused",
            "Votes that were answered with an error.",
            ["reason"],
            registry=self.registry,
        )
        self.refused.labels("not_taken")  # only an increase from 0 raises the alert
        self.push_seconds = Histogram(
            "vote_push_seconds",
            "From a push to Redis to its acknowledgement.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.push_batch_size = Histogram(
            "vote_push_batch_size",
            "Ballots that travelled together in one push.",
            buckets=SIZE_BUCKETS,
            registry=self.registry,
        )
