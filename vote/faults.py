"""Fault injection in the vote service."""

from dataclasses import dataclass

from common.faults import Faults
from common.queue.message import Ballot
from vote.service import VoteService, not_taken


@dataclass(frozen=True)
class FaultyVoteService(VoteService):
    """A vote service that waits or refuses votes while a presenter wants that."""

    faults: Faults

    async def record(
        self, voter_id: str | None, option_id: str | None, revision: str | None
    ) -> Ballot:
        """Do as `VoteService.record`, after the faults.

        A vote that is delayed past the end of the poll is refused, because result counts as final
        soon after the end.
        """
        await self.faults.delay("vote-latency")
        if self.faults.hits("vote-errors"):
            raise not_taken("an injected fault", option_id)
        return await super().record(voter_id, option_id, revision)
