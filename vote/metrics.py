"""Metrics of the vote service."""

from functools import partial

from prometheus_client import Counter, Histogram

from common import __version__
from common.metrics import LATENCY_BUCKETS, SIZE_BUCKETS, registry


class Metrics:
    """The metrics of one vote app, in a registry of their own."""

    def __init__(self, option_ids: list[str], version: str = __version__) -> None:
        self.registry = registry(version)
        counter = partial(Counter, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.accepted = counter(
            "vote_ballots_accepted", "Ballots that Redis has acknowledged.", ["option"]
        )
        for option_id in option_ids:
            self.accepted.labels(option_id)  # an option without votes shows 0
        self.refused = counter(
            "vote_ballots_refused", "Votes that were answered with an error.", ["reason"]
        )
        self.refused.labels("not_taken")  # only an increase from 0 raises the alert
        self.push_seconds = histogram(
            "vote_push_seconds",
            "From a push to Redis to its acknowledgement.",
            buckets=LATENCY_BUCKETS,
        )
        self.push_batch_size = histogram(
            "vote_push_batch_size",
            "Ballots that traveled together in one push.",
            buckets=SIZE_BUCKETS,
        )
