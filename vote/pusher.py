"""A connection that pushes ballots to Redis, one command after the other.

It is the client library's, but without its pool, its packing of each argument and its time limit
for each step, which take most of what a push costs here; see bench/README.md.
"""

import asyncio
import contextlib
import math
from collections.abc import Sequence

import redis.asyncio
import redis.exceptions

from common import ballot, dependency, keys

HEAD = b"$5\r\nRPUSH\r\n$%d\r\n%b\r\n" % (len(keys.VOTES), keys.VOTES.encode())
CONNECT_PAUSE = 0.2  # seconds until a connection that could not be made is tried once more
# Answers by which it is sure that Redis has not taken what was pushed.
REFUSALS = redis.exceptions.ResponseError, redis.exceptions.BusyLoadingError
AWAY = "Redis is away"
FULL = "the memory of Redis is full"


class QueueAway(Exception):  # noqa: N818 (a state, as in "Redis is away")
    """Redis did not acknowledge the ballots. Its text says why, to who operates it.

    `told`: why, to who votes: without an address. `unsure`: it may have them all the same, since
    only the acknowledgement is missing.
    """

    def __init__(self, reason: str, *, told: str = AWAY, unsure: bool = False) -> None:
        super().__init__(reason)
        self.told = told
        self.unsure = unsure


class Pusher:
    """Pushes to the server that `client` is for. Waits as long as its commands do, and never longer
    than `ballot.PUSH_TIMEOUT`.
    """

    def __init__(self, client: redis.asyncio.Redis) -> None:
        pool = client.connection_pool
        self._connection = pool.make_connection()  # type: ignore[no-untyped-call]
        # Seconds, now for the whole of a push.
        self._limit = min(ballot.PUSH_TIMEOUT, self._connection.socket_timeout or math.inf)
        self._connection.socket_timeout = None
        self._unsure = False  # whether Redis may have what is being pushed
        self._busy = asyncio.Lock()  # a push may come while it connects ahead

    async def push(self, messages: Sequence[bytes]) -> None:
        """Raises `QueueAway`, whatever goes wrong: these are not acknowledged, and must be told."""
        self._unsure = False
        try:
            async with asyncio.timeout(self._limit), self._busy:
                try:
                    await self._push(messages)
                except redis.exceptions.ReadOnlyError:
                    # A master once, now a replica: a new connection may lead to the new master.
                    await self.close()
                    await self._push(messages)
                except redis.exceptions.ConnectionError as error:
                    if isinstance(error, REFUSALS):
                        raise
                    # It may have died with the push on its way: a fresh connection heals that.
                    await asyncio.sleep(0 if self._unsure else CONNECT_PAUSE)
                    await self._push(messages)
        except Exception as error:
            told = FULL if isinstance(error, redis.exceptions.OutOfMemoryError) else AWAY
            reason = dependency.describe(error)
            raise QueueAway(reason, told=told, unsure=self._unsure) from error

    async def open(self) -> None:
        """Connects ahead, if it can now.

        A connection that is there outlives much that keeps a new one from being made: a name
        server that is away, or rules of the network that do not know a pod yet, or no more.
        """
        with contextlib.suppress(Exception):  # a push says why
            async with asyncio.timeout(self._limit), self._busy:
                await self._connect()

    async def close(self) -> None:
        """Hangs up; a further push connects anew."""
        await self._connection.disconnect()

    async def _push(self, messages: Sequence[bytes]) -> None:
        await self._connect()
        was_unsure, self._unsure = self._unsure, True
        try:
            await self._connection.send_packed_command(_pack(messages), check_health=False)
            await self._connection.read_response()
        except REFUSALS:
            self._unsure = was_unsure
            raise

    async def _connect(self) -> None:
        if self._connection.is_connected and await self._connection.can_read():
            await self._connection.disconnect(nowait=True)  # Redis has closed it meanwhile
        if not self._connection.is_connected:
            await self._connection.connect()


def _pack(messages: Sequence[bytes]) -> bytes:
    """RPUSH in the protocol of Redis: an array of strings, each after its length."""
    strings = [b"$%d\r\n%b\r\n" % (len(message), message) for message in messages]
    return b"*%d\r\n%b%b" % (2 + len(messages), HEAD, b"".join(strings))
