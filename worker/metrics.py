"""Metrics of the worker."""

from prometheus_client import Counter, Gauge, Histogram

from common import __version__
from common.metrics import LAG_BUCKETS, LATENCY_BUCKETS, SIZE_BUCKETS, registry


class Metrics:
    """The metrics of one worker, in their own registry."""

    def __init__(self, version: str = __version__) -> None:
        self.registry = registry(version)
        self.committed = Counter(
            "worker_ballots_committed", "Ballots committed in Postgres.", registry=self.registry
        )
        self.dead = Counter(
            "worker_ballots_dead",
            "Messages that can never be stored.",
            ["reason"],
            registry=self.registry,
        )
        for reason in ("invalid", "malformed", "rejected", "too_long"):
            self.dead.labels(reason)  # only an increase from 0 raises the alert
        self.batch_size = Histogram(
            "worker_batch_size",
            "Messages in one batch.",
            buckets=SIZE_BUCKETS,
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "worker_commit_seconds",
            "Time that Postgres took for one batch.",
            buckets=LATENCY_BUCKETS,
            registry=self.registry,
        )
        self.lag_seconds = Histogram(
            "worker_lag_seconds",
            "Time from cast to commit, of the oldest ballot of each batch.",
            buckets=LAG_BUCKETS,
            registry=self.registry,
        )
        self.queue_length = Gauge(
            "worker_queue_length", "Messages in the queue.", registry=self.registry
        )
        self.claimed_length = Gauge(
            "worker_claimed_length",
            "Messages that this worker has claimed.",
            registry=self.registry,
        )
        self.dead_length = Gauge(
            "worker_dead_length", "Dead letters of all workers.", registry=self.registry
        )
        self.reaped = Counter(
            "worker_reaped_ballots",
            "Messages of dead workers that this worker requeued.",
            registry=self.registry,
        )
        self.lease_lost = Counter(
            "worker_lease_lost",
            "Sessions that ended because their heartbeat expired.",
            registry=self.registry,
        )
