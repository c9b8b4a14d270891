"""The Redis keys. The braces put every key in the hash slot of `votes` (Redis Cluster)."""

import typing

VOTES: typing.Final = "votes"
DEAD: typing.Final = "{votes}:dead"
WORKERS: typing.Final = "{votes}:workers"
STAMP: typing.Final = "{votes}:stamp"  # the newest time given to a message that came with none
VOTE_PAGE: typing.Final = "{votes}:vote-page"  # lives as long as any replica of vote does
COOKIE_SECRET: typing.Final = "{votes}:cookie-secret"  # noqa: S105 (a key's name)


def claimed(worker: str) -> str:
    """The list of what `worker` has claimed and not yet committed."""
    return f"{{votes}}:claimed:{worker}"


def heartbeat(worker: str) -> str:
    """The key that lives as long as `worker` does."""
    return f"{{votes}}:worker:{worker}"
