"""A worker's session: claim a batch, acknowledge it after the commit, or requeue it.

No message is ever popped. It moves from the queue to the claimed list of one session, is committed
in Postgres, and only then acknowledged. Each step is one Lua script: it happens completely or not
at all, even if a process dies. The flag `allow-oom` lets the scripts run when Redis is full,
because only workers make room.
"""

import asyncio
import time
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import redis.exceptions
from redis.asyncio import Redis

from common.queue import keys
from common.queue.message import MAX_BYTES
from common.replica import SessionOwner

HEARTBEAT_INTERVAL = 1.0  # seconds
ANSWER_TIMEOUT = 5.0  # seconds
WAIT = 2  # seconds that Redis waits for a message at most
OUT_OF_MEMORY_PAUSE = 0.2  # seconds between two looks at the queue while Redis refuses BLMOVE
MAX_AHEAD = 5_000_000  # µs that `cast_at` may be ahead of the clock of Redis
MAX_DEAD = 1_000  # dead letters
MAX_MOVED = 4 * 1024 * 1024  # bytes after which a script stops; ordinary batches are far below

SCRIPTS = {path.stem: path.read_bytes() for path in (Path(__file__).parent / "lua").iterdir()}


class HeartbeatLostError(Exception):
    """The session counts as dead: others may have requeued what it had claimed."""


class HeartbeatDeletedError(HeartbeatLostError):
    """The heartbeat is missing before it can have expired: a reset has deleted the queue."""


class Look(NamedTuple):
    """The numbers of messages, and the names of the sessions without a heartbeat."""

    queue: int
    claimed: int
    dead: int
    ended: list[str]


class Session:
    """One worker's time at the queue, from `register` to `requeue`.

    After an error of Redis, nobody knows whether a command was or will be executed. So the first
    error ends the session, and its name is never used again: after the requeue, a delayed claim,
    acknowledgement or heartbeat finds no heartbeat and changes nothing.

    Args:
        client: The connection to Redis.
        name: The name of this session, which no other has had.
        replica: The name of the worker.
        ttl: ms without a heartbeat until others requeue what this session has claimed.
    """

    def __init__(
        self, client: Redis, name: str, replica: str, *, ttl: int = keys.SESSION_TTL
    ) -> None:
        self.name = name
        self._client = client
        self._owner = msgspec.json.encode(SessionOwner(replica))
        self._ttl = ttl
        self._claimed = keys.claimed(name)
        self._heartbeat = keys.heartbeat(name)
        self._renewed_at = time.monotonic()  # when the latest heartbeat was sent

    async def register(self) -> None:
        """Make this session known. From now on it may claim."""
        names = [self._heartbeat, keys.SESSIONS]
        await self._run("register", names, [self.name, self._owner, self._ttl])

    async def heartbeat(self) -> Look:
        """Stay alive until there is no heartbeat for `ttl`."""
        names = [self._heartbeat, keys.SESSIONS, keys.VOTES, self._claimed, keys.DEAD]
        started = time.monotonic()
        arguments = [self.name, self._ttl, keys.heartbeat("")]
        queue, claimed, dead, ended = await self._run("heartbeat", names, arguments)
        self._renewed_at = started
        return Look(queue, claimed, dead, [name.decode(errors="replace") for name in ended])

    async def wait(self) -> bool:
        """Wait for a message, at most `WAIT` seconds. Return whether one may be in the queue."""
        try:
            # Moves the first message to where it is: this blocks while there is none. Only the
            # claim script may take it, because it checks the heartbeat.
            async with asyncio.timeout(WAIT + ANSWER_TIMEOUT):
                message = await self._client.blmove(keys.VOTES, keys.VOTES, WAIT, "LEFT", "LEFT")
        except redis.exceptions.OutOfMemoryError:
            await asyncio.sleep(OUT_OF_MEMORY_PAUSE)
            return True
        return message is not None

    async def claim(self, limit: int) -> list[bytes]:
        """Claim up to `limit` messages, oldest first; fewer if they exceed `MAX_MOVED` bytes.

        A classic message gets `cast_at`, and so does one whose own is more than `MAX_AHEAD` ahead.
        A message that is too long for a ballot is cut.
        """
        names = [keys.VOTES, self._claimed, self._heartbeat, keys.STAMP]
        arguments = [limit, MAX_MOVED, MAX_BYTES, MAX_AHEAD]
        return cast("list[bytes]", await self._run("claim", names, arguments))

    async def acknowledge(self, count: int, last: bytes, dead: list[bytes]) -> None:
        """Remove the `count` oldest claimed messages and keep the dead letters among them.

        Args:
            count: The number of messages.
            last: The last of them. If it is not in its place, a failover has undone the claim.
            dead: The dead letters.

        Raises:
            ResponseError: A failover has undone the claim. Nothing is removed.
        """
        names = [self._claimed, self._heartbeat, keys.DEAD]
        await self._run("acknowledge", names, [count, last, MAX_DEAD, *dead])

    async def requeue(self, name: str | None = None) -> int:
        """End this session, or the one with that name. Return how many messages were requeued."""
        return await self._requeue(name or self.name, "always")

    async def reap(self, names: list[str]) -> dict[str, int]:
        """End these sessions, unless they have a heartbeat again.

        Returns:
            How many messages were requeued, for each session that this call has ended.
        """
        reaped = {name: await self._requeue(name, "if dead") for name in names}
        return {name: count for name, count in reaped.items() if count >= 0}

    async def _requeue(self, name: str, condition: str) -> int:
        names = [keys.VOTES, keys.claimed(name), keys.heartbeat(name), keys.SESSIONS]
        total, left = 0, 1
        while left:
            moved, left = await self._run("requeue", names, [condition, name, MAX_MOVED])
            total += moved
        return total

    async def _run(self, script: str, names: list[str], arguments: list[Any]) -> Any:
        """Run a script.

        Raises:
            HeartbeatLostError: The heartbeat of this session has expired or is deleted.
        """
        run = self._client.register_script(SCRIPTS[script])
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return await run(keys=names, args=arguments)
        except redis.exceptions.ResponseError as error:
            if str(error).startswith("NOHEARTBEAT"):
                is_expired = time.monotonic() - self._renewed_at >= self._ttl / 1000
                raise (HeartbeatLostError if is_expired else HeartbeatDeletedError) from None
            raise
