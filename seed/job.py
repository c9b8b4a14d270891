"""The job: wait until vote is ready, cast every vote, count."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from seed import client, progress, split, voter

REQUEST_TIMEOUT = 10.0  # seconds for one request
READY_POLL = 0.25  # seconds between two questions whether vote is ready
PROGRESS_POLL = 0.1  # seconds


class NotReadyError(Exception):
    """The service was not ready in time."""


@dataclass
class Count:
    """What became of the votes."""

    votes: int
    sent: int = 0
    acknowledged: int = 0
    seconds: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)  # why votes failed

    @property
    def failed(self) -> int:
        """Votes that were not acknowledged, those that were never sent included."""
        return self.votes - self.acknowledged

    def __str__(self) -> str:
        rate = self.acknowledged / self.seconds if self.seconds else 0.0
        return (
            f"sent {self.sent}, acknowledged {self.acknowledged}, failed {self.failed},"
            f" {self.seconds:.1f} seconds ({rate:,.0f} votes a second)"
        )


async def wait_ready(address: client.Address, within: float, told: progress.Progress) -> None:
    """Wait until the service says that it is ready, for `within` seconds at most.

    Raises:
        NotReadyError: it did not.
    """
    service = client.Client(address, min(REQUEST_TIMEOUT, within))
    deadline = time.monotonic() + within
    try:
        while True:
            try:
                answer = await service.request("GET", "/readyz")
            except OSError as problem:
                reason = str(problem) or type(problem).__name__
            else:
                if answer.status in (200, 404):  # 404: behind a gateway that shows the pages alone
                    return
                reason = f"/readyz: {answer.body.decode(errors='replace')[:200].strip()}"
            if time.monotonic() > deadline:
                raise NotReadyError(f"{address.url} was not ready in {within:g} seconds ({reason})")
            told.say(f"waiting for {address.url}")
            await asyncio.sleep(READY_POLL)
    finally:
        service.close()


@dataclass
class Job:
    """Casts votes over several connections, each voter with a cookie jar of its own."""

    address: client.Address
    shares: dict[str, int]
    concurrency: int
    rate: float | None  # votes a second; None: as fast as they are taken
    timeout: float  # seconds for one vote to be acknowledged
    told: progress.Progress

    def __post_init__(self) -> None:
        self._began = self._acknowledged_at = 0.0
        self._waiting = ""  # why votes are tried again, while none is acknowledged

    async def run(self, stop: asyncio.Event) -> Count:
        """Cast every vote; less if `stop` is set or nothing is acknowledged any more."""
        count = Count(sum(self.shares.values()))
        self._began = self._acknowledged_at = time.monotonic()
        voting = asyncio.create_task(self._vote_all(count))
        telling = asyncio.create_task(self._tell(count))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({voting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (telling, stopping, voting):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        count.seconds = time.monotonic() - self._began
        self.told.show(count.acknowledged, final=True)
        return count

    async def _vote_all(self, count: Count) -> None:
        places = enumerate(split.order(self.shares))
        async with asyncio.TaskGroup() as group:
            for _ in range(min(self.concurrency, count.votes)):
                group.create_task(self._vote(places, count))

    async def _vote(self, places: Iterator[tuple[int, str]], count: Count) -> None:
        """Be one voter after the other, over one connection."""
        service = client.Client(self.address, REQUEST_TIMEOUT)
        try:
            for place, option in places:
                if self.rate is not None:
                    await asyncio.sleep(self._began + place / self.rate - time.monotonic())
                person = voter.Voter(option)
                try:
                    await person.cast(service, self.timeout, self._note)
                except voter.RefusedError as refusal:
                    reason = str(refusal)
                    count.reasons[reason] = count.reasons.get(reason, 0) + 1
                    if time.monotonic() - self._acknowledged_at > self.timeout:
                        return  # nobody's vote was taken all the while: the next would not be
                else:
                    count.acknowledged += 1
                    self._acknowledged_at = time.monotonic()
                    self._waiting = ""
                finally:
                    count.sent += person.was_sent
        finally:
            service.close()

    async def _tell(self, count: Count) -> None:
        while True:
            self.told.show(count.acknowledged, self._waiting)
            await asyncio.sleep(PROGRESS_POLL)

    def _note(self, reason: str) -> None:
        self._waiting = reason
