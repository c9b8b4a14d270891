"""What waits for one client that polls, until it comes for it."""

import asyncio
import collections
import time
import typing

import engineio.packet

MOST_WAITING = 1_000  # packets for one client that is slow to read, beside the events for all


class Mailbox(asyncio.Queue[typing.Any]):
    """In the place of the queue that python-engineio makes for each client; this one has an end."""

    def __init__(self) -> None:
        super().__init__()
        self._newest: dict[str, engineio.packet.Packet] = {}  # by its event
        self._is_full = False
        self._asked_at = time.monotonic()

    def is_left(self, silence: float) -> bool:
        """Whether nobody has come for `silence` seconds for what waits, or too much of it did."""
        is_late = time.monotonic() - self._asked_at > silence
        return self._is_full or (is_late and not self.empty())

    def offer(self, event: str, packet: engineio.packet.Packet) -> None:
        """Puts `packet` in, in the place of an older one of this event that waits."""
        older = self._newest.get(event)
        if older and older in self._queue:
            self._queue.remove(older)
            self.task_done()
        self._newest[event] = packet
        self.put_nowait(packet)

    async def put(self, packet: engineio.packet.Packet) -> None:
        """Puts `packet` in, unless too many wait: then the client `is_left`."""
        if self.qsize() < MOST_WAITING:
            self.put_nowait(packet)
        else:
            self._is_full = True

    async def get(self) -> engineio.packet.Packet:
        """The oldest packet, once there is one."""
        self._asked_at = time.monotonic()
        try:
            return await super().get()
        finally:
            self._asked_at = time.monotonic()

    def _init(self, maxsize: int) -> None:
        self._queue: collections.deque[engineio.packet.Packet] = collections.deque()
