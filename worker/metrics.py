"""Metrics of the worker."""

from functools import partial

from prometheus_client import Counter, Gauge, Histogram

from common import __version__
from common.metrics import LAG_BUCKETS, LATENCY_BUCKETS, SIZE_BUCKETS, registry


class Metrics:
    """The metrics of one worker, in their own registry."""

    def __init__(self, version: str = __version__) -> None:
        self.registry = registry(version)
        counter = partial(Counter, registry=self.registry)
        gauge = partial(Gauge, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.committed = counter("worker_ballots_committed", "Ballots committed in Postgres.")
        self.dead = counter("worker_ballots_dead", "Messages that can never be stored.", ["reason"])
        for reason in ("invalid", "malformed", "rejected", "too_long"):
            self.dead.labels(reason)  # only an increase from 0 raises the alert
        self.batch_size = histogram(
            "worker_batch_size", "Messages in one batch.", buckets=SIZE_BUCKETS
        )
        self.commit_seconds = histogram(
            "worker_commit_seconds",
            "Time that Postgres took for one batch.",
            buckets=LATENCY_BUCKETS,
        )
        self.lag_seconds = histogram(
            "worker_lag_seconds",
            "Time from cast to commit, of the oldest ballot of each batch.",
            buckets=LAG_BUCKETS,
        )
        self.queue_length = gauge("worker_queue_length", "Messages in the queue.")
        self.claimed_length = gauge(
            "worker_claimed_length", "Messages that this worker has claimed."
        )
        self.dead_length = gauge("worker_dead_length", "Dead letters of all workers.")
        self.reaped = counter(
            "worker_reaped_ballots", "Messages of dead workers that this worker requeued."
        )
        self.heartbeat_lost = counter(
            "worker_lease_lost", "Sessions that ended because their heartbeat expired."
        )
