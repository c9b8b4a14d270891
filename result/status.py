"""The state of the whole system, as the pages show it."""

import datetime
from typing import Any

from common.dependency import Dependency
from common.poll import Poll
from result.pipeline import Pipeline
from result.tallies import Tallies


class Status:
    """The current state of the poll, the stores and the pipeline.

    Args:
        poll: The poll.
        tallies: The numbers, and the state of Postgres.
        pipeline: The queue, the workers and the vote page, and the state of Redis.
    """

    def __init__(self, poll: Poll, tallies: Tallies, pipeline: Pipeline) -> None:
        self.poll = poll
        self.tallies = tallies
        self.pipeline = pipeline

    @property
    def is_final(self) -> bool:
        """Whether the numbers were read after the last vote was counted. Once true, it stays so."""
        tally, drained_at = self.tallies.latest, self.pipeline.drained_at
        if tally is None or drained_at is None:
            return False
        return drained_at <= tally.as_of

    @property
    def has_no_worker(self) -> bool:
        """Whether no worker is alive, as far as this is known."""
        sessions = self.pipeline.latest.sessions if self.pipeline.latest else None
        return sessions is not None and not any(each.alive for each in sessions)

    @property
    def has_vote_page(self) -> bool | None:
        """Whether the vote page is available; None if unknown. A classic one has no heartbeat."""
        return self.pipeline.replicas.is_available("vote") if self.pipeline.latest else None

    @property
    def is_degraded(self) -> bool:
        """Whether a store, the vote page or all needed workers are unavailable."""
        stores = (self.tallies.postgres, self.pipeline.redis)
        if any(store.state == "unavailable" for store in stores):
            return True
        snapshot = self.pipeline.latest
        if snapshot is None:
            return False
        # No worker at rest is no fault: an autoscaler starts one with the next vote.
        needs_worker = bool(snapshot.sessions or snapshot.waiting or snapshot.claimed)
        is_vote_page_missing = self.has_vote_page is False and not self.poll.is_closed()
        return (needs_worker and self.has_no_worker) or is_vote_page_missing

    def event(self) -> dict[str, Any]:
        """Return the content of the event `pipeline`; times are in ms since the epoch."""
        tally = self.tallies.latest
        snapshot = self.pipeline.latest
        sessions = snapshot.sessions if snapshot else None
        commits = [each.last_commit for each in sessions or [] if each.last_commit]
        return {
            "as_of": _ms(tally.as_of) if tally else None,
            "poll": self.poll.revision,
            "text": self.poll.text_hash,
            "closes_at": _ms(self.poll.closes_at) if self.poll.closes_at else None,
            "final": self.is_final,
            "postgres": _store(self.tallies.postgres),
            "redis": _store(self.pipeline.redis),
            "waiting": snapshot.waiting if snapshot else None,
            "claimed": snapshot.claimed if snapshot else None,
            "dead": snapshot.dead if snapshot else None,
            "workers": None if sessions is None else [each._asdict() for each in sessions],
            "vote_page": self.has_vote_page,
            "last_commit": max(commits, default=None),
        }


def _store(dependency: Dependency) -> dict[str, Any]:
    return {
        "state": dependency.state,
        "since": _ms(dependency.since),
        "refused": dependency.is_refused,
    }


def _ms(moment: datetime.datetime) -> int:
    return int(moment.timestamp() * 1000)
