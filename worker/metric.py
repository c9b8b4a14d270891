"""What the worker counts and measures."""

from prometheus_client import Counter, Gauge, Histogram

from common import metric


class Metrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = metric.registry()
        self.committed = Counter(
            "worker_ballots_committed", "Ballots committed in Postgres.", registry=registry
        )
        self.dead = Counter(
            "worker_ballots_dead",
            "Messages that can never be stored.",
            ["reason"],
            registry=registry,
        )
        self.batch_size = Histogram(
            "worker_batch_size",
            "Ballots in one batch.",
            buckets=metric.SIZE_BUCKETS,
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "worker_commit_seconds",
            "Time that the commit of a batch took.",
            buckets=metric.LATENCY_BUCKETS,
            registry=registry,
        )
        self.lag_seconds = Histogram(
            "worker_lag_seconds",
            "From cast to commit, of the oldest ballot of each batch.",
            buckets=metric.LAG_BUCKETS,
            registry=registry,
        )
        self.queue_length = Gauge(
            "worker_queue_length", "Votes that wait in Redis, of all.", registry=registry
        )
        self.claimed_length = Gauge(
            "worker_claimed_length", "Votes that this worker has claimed.", registry=registry
        )
        self.dead_length = Gauge(
            "worker_dead_length", "Dead letters kept in Redis, of all workers.", registry=registry
        )
        self.reaped = Counter(
            "worker_reaped_ballots",
            "Votes put back that a worker without a heartbeat had claimed.",
            registry=registry,
        )
        self.lease_lost = Counter(
            "worker_lease_lost",
            "Sessions given up since the heartbeat had run out.",
            registry=registry,
        )
