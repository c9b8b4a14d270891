"""The votes: each is checked and recorded, or refused with the reason."""

from dataclasses import dataclass
from typing import cast

from common import tracing
from common.clock import microseconds
from common.poll import Poll
from common.queue.message import Ballot, Letter
from common.queue.producer import ClosedError, NotRecordedError, Producer, UnsureError
from vote.voter_id import VoterIds


@dataclass(eq=False)
class Refusal(Exception):  # noqa: N818 (an answer, not an error)
    """A vote that is not accepted.

    Attributes:
        status: The HTTP status.
        reason: The code that programs get and the page explains.
        detail: The explanation for programs.
        tried: The voter's choice, if the page tells what happened to it.
        voter_id: The voter, if the vote may have been recorded nevertheless.
    """

    status: int
    reason: str
    detail: str
    tried: str | None = None
    voter_id: str | None = None


@dataclass(frozen=True)
class VoteService:
    """Records the votes of one poll."""

    poll: Poll
    voter_ids: VoterIds
    producer: Producer

    async def record(
        self, voter_id: str | None, option_id: str | None, revision: str | None
    ) -> Ballot:
        """Record a vote. Return once Redis has acknowledged it.

        Args:
            voter_id: The voter. None: a new one.
            option_id: The voter's choice.
            revision: The poll revision that the voter saw, if known.

        Raises:
            Refusal: The vote is not accepted.
        """
        if self.poll.is_closed():
            raise closed(option_id)
        if revision not in (None, self.poll.revision):
            raise Refusal(409, "changed", "the poll has changed: this vote is for another one")
        if option_id not in self.poll.options:
            raise self.unknown_option()
        if not self.voter_ids.can_sign:  # the secret comes from Redis
            raise not_taken("Redis is unavailable", option_id)
        voter_id = voter_id or self.voter_ids.create()
        try:
            with tracing.sending() as traceparent:  # UNSET without traces
                ballot = Ballot(
                    voter_id,
                    cast("Letter", option_id),
                    microseconds(),
                    self.poll.revision,
                    traceparent,
                )
                await self.producer.push(ballot)
        except ClosedError:
            raise closed(option_id) from None
        except NotRecordedError as error:
            raise not_taken(str(error), option_id) from None
        except UnsureError:
            detail = "the vote may have been recorded: vote again, and it counts only once"
            raise Refusal(503, "unsure", detail, option_id, voter_id) from None
        return ballot

    def unknown_option(self) -> Refusal:
        """Return the refusal of a vote for an option that the poll does not have."""
        valid = ", ".join(f"{letter} ({name})" for letter, name in self.poll.options.items())
        return Refusal(422, "unknown_option", f"vote must be one of {valid}")


def closed(option_id: str | None) -> Refusal:
    """Return the refusal of a vote after the end of the poll."""
    return Refusal(403, "closed", "the poll is closed", option_id)


def not_taken(why: str, option_id: str | None) -> Refusal:
    """Return the refusal of a vote that is certainly not recorded."""
    return Refusal(503, "not_taken", f"the vote was not recorded: {why}", option_id)
