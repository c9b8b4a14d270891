"""The Redis keys. The braces put every key in the hash slot of `votes` (Redis Cluster)."""

from typing import Final

VOTES: Final = "votes"  # the queue
DEAD: Final = "{votes}:dead"  # messages that can never be stored
SESSIONS: Final = "{votes}:workers"  # the sessions of all workers
STAMP: Final = "{votes}:stamp"  # the last time given to a classic message
FAULTS: Final = "{votes}:faults"  # injected faults, by their ids
RESET: Final = "{votes}:reset"  # asks the workers to delete all votes
CHECK: Final = "{votes}:check"  # never exists; see `common.redis_client.check_write`
COOKIE_SECRET: Final = "{votes}:cookie-secret"  # noqa: S105 (the name of a key)

SESSION_TTL: Final = 3_000  # ms without a heartbeat


def replicas(database: int) -> str:
    """Return the channel of the replicas' heartbeats. All databases share the channels."""
    return f"{{votes}}:replicas@{database}"


def claimed(session: str) -> str:
    """Return the list of messages that a worker's session has claimed and not yet acknowledged."""
    return f"{{votes}}:claimed:{session}"


def heartbeat(session: str) -> str:
    """Return the key that lives as long as a worker's session does."""
    return f"{{votes}}:worker:{session}"
