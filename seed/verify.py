"""Whether the result page's numbers grow by exactly what was cast."""

import asyncio
import json
import time
from dataclasses import dataclass

from seed import client, progress

REQUEST_TIMEOUT = 5.0  # seconds
POLL = 0.1  # seconds between two readings
SETTLE = 1.0  # seconds during which the numbers must not change any more


class WrongError(Exception):
    """The numbers are not what they must be, or cannot be read. The text says which."""


@dataclass
class Results:
    """The numbers of a result service."""

    address: client.Address
    timeout: float  # seconds to wait for a number
    told: progress.Progress

    def __post_init__(self) -> None:
        self._service = client.Client(self.address, REQUEST_TIMEOUT)

    async def settled(self) -> dict[str, int]:
        """The votes of each option, once they have not changed for a while.

        Raises:
            WrongError: they cannot be read, or did not come to rest.
        """
        deadline = time.monotonic() + self.timeout
        numbers = await self._read(deadline)
        since = time.monotonic()
        while time.monotonic() - since < SETTLE:
            if time.monotonic() > deadline + SETTLE:
                raise WrongError(
                    f"{self.address.url}: the numbers still changed after {self.timeout:g} seconds:"
                    " other votes are on their way, so that nothing can be verified"
                )
            await asyncio.sleep(POLL)
            latest = await self._read(deadline)
            if latest != numbers:
                numbers, since = latest, time.monotonic()
        return numbers

    async def check(self, before: dict[str, int], cast: dict[str, int]) -> None:
        """Wait until the numbers have grown by what was cast, and see that they stay there.

        Raises:
            WrongError: they did not, or grew by more.
        """
        before = dict(before)
        deadline = time.monotonic() + self.timeout
        reached: float | None = None
        while True:
            numbers = await self._read(deadline)
            now = time.monotonic()
            for option, votes in numbers.items():
                before.setdefault(option, votes)  # one that the poll has got meanwhile
            expected = {option: votes + cast.get(option, 0) for option, votes in before.items()}
            if any(votes > expected[option] for option, votes in numbers.items()):
                raise WrongError(f"{self._growth(before, numbers)}, {self._wanted(cast)}: too much")
            # What the poll no longer has is not shown, and missed only if it was voted for here.
            if numbers == {
                option: votes
                for option, votes in expected.items()
                if option in numbers or cast.get(option)
            }:
                reached = reached or now
                if now - reached >= SETTLE:
                    return
            elif reached is not None:
                raise WrongError(f"{self._growth(before, numbers)}, {self._wanted(cast)}: it fell")
            elif now > deadline:
                raise WrongError(
                    f"{self._growth(before, numbers)} within {self.timeout:g} seconds,"
                    f" {self._wanted(cast)}: too little"
                )
            await asyncio.sleep(POLL)

    async def _read(self, deadline: float) -> dict[str, int]:
        while True:
            try:
                answer = await self._service.request("GET", "/api/results")
                reason = f"status {answer.status}"
                if answer.status == 200:
                    options = json.loads(answer.body)["options"]
                    return {str(option["id"]): int(option["votes"]) for option in options}
            except OSError as problem:
                reason = str(problem) or type(problem).__name__
            except (ValueError, LookupError, TypeError):
                reason = "it is no result service's answer"
            if time.monotonic() > deadline:
                raise WrongError(f"{self.address.url}/api/results cannot be read: {reason}")
            self.told.say(f"waiting for {self.address.url}")
            await asyncio.sleep(POLL)

    def _growth(self, before: dict[str, int], numbers: dict[str, int]) -> str:
        growth = {option: votes - before.get(option, 0) for option, votes in numbers.items()}
        return f"{self.address.url} grew by {listed(growth)}"

    @staticmethod
    def _wanted(cast: dict[str, int]) -> str:
        return f"and {listed(cast)} were cast"

    def close(self) -> None:
        self._service.close()


def listed(numbers: dict[str, int]) -> str:
    """The numbers of each option, as one reads them."""
    return ", ".join(f"{option} {votes}" for option, votes in numbers.items())
