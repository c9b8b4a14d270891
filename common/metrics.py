"""Parts that the Prometheus metrics of the services share."""

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, ProcessCollector

from common import __version__

# Seconds. Redis and Postgres on a local network answer in the first buckets.
LATENCY_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
)  # fmt: skip
LAG_BUCKETS = (*LATENCY_BUCKETS, 30, 60, 300, 900, 3600)  # seconds
SIZE_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)  # ballots


def registry(version: str = __version__) -> CollectorRegistry:
    """Return a registry for one service, with its version and the metrics of the process."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    Info("build", "The version that this replica shows.", registry=registry).info(
        {"version": version}
    )
    return registry


def total(metric: Counter | Histogram) -> float:
    """Return the count of all labels of a counter, or of all observations of a histogram."""
    samples = [sample for family in metric.collect() for sample in family.samples]
    return sum(each.value for each in samples if each.name.endswith(("_total", "_count")))
