"""What the services' Prometheus metrics share."""

import prometheus_client

# Seconds. Redis and Postgres on a local network answer in the first buckets; a stall is seen too.
LATENCY_BUCKETS = (
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
)  # fmt: skip
LAG_BUCKETS = (*LATENCY_BUCKETS, 30, 60, 300, 900, 3600)  # seconds
SIZE_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000)  # ballots


def registry() -> prometheus_client.CollectorRegistry:
    """A registry of one service's own, so that several services can share one process."""
    fresh = prometheus_client.CollectorRegistry()
    prometheus_client.ProcessCollector(registry=fresh)
    prometheus_client.PlatformCollector(registry=fresh)
    prometheus_client.GCCollector(registry=fresh)
    return fresh
