"""The Redis side of the worker: claim, drop, put back; the heartbeat; the reaper.

Nothing is ever popped. A batch moves from the queue to the claimed list of one session, is
committed in Postgres, and only then dropped. Each step is one script, so that it happens as a
whole or not at all, whenever a process dies, and also when the memory of Redis is full.
"""

import asyncio
import contextlib
import pathlib
import typing

import orjson
import redis.asyncio
import redis.exceptions

from common import ballot, keys, redis_client

HEARTBEAT_INTERVAL = 0.5  # seconds
HEARTBEAT_LIFE = 5  # seconds without a beat until others put back what a worker has claimed
REAP_INTERVAL = 2.0  # seconds
BLOCK = 5  # seconds that one wait for a vote blocks at most
FULL_PAUSE = 0.2  # seconds between two looks for a vote while Redis is full
DEAD_KEPT = 1_000  # dead letters
# Bytes after which one script moves no more messages: at most so much, and one slice, is in the
# memory of Redis several times while it runs. Ballots of the usual length are far below.
MOVED_BYTES = 4 * 1024 * 1024

_LUA = pathlib.Path(__file__).parent / "lua"


class HeartbeatLost(Exception):  # noqa: N818 (a state, as in "the heartbeat was lost")
    """This session counts as dead: others may have put back what it had claimed."""


class Lengths(typing.NamedTuple):
    """How many messages each list has."""

    waiting: int
    claimed: int
    dead: int


class Session:
    """One worker's stay at the queue, from `sign_on` to `put_back`.

    After any error of Redis it is not known which command still happened, or will when a stalled
    server wakes up. So a session ends with its first error, and its name is never used again: a
    command that comes late finds no heartbeat under that name, and changes nothing.
    """

    def __init__(
        self, client: redis.asyncio.Redis, blocking: redis.asyncio.Redis, name: str
    ) -> None:
        self.name = name
        self._client = client
        self._blocking = blocking
        self._claimed = keys.claimed(name)
        self._heartbeat = keys.heartbeat(name)
        self._claim_keys = [keys.VOTES, self._claimed, self._heartbeat, keys.STAMP]
        self._sign_on = client.register_script((_LUA / "sign_on.lua").read_bytes())
        self._beat = client.register_script((_LUA / "beat.lua").read_bytes())
        self._claim = client.register_script((_LUA / "claim.lua").read_bytes())
        self._drop = client.register_script((_LUA / "drop.lua").read_bytes())
        self._put_back = client.register_script((_LUA / "put_back.lua").read_bytes())

    async def sign_on(self, status: dict[str, object]) -> None:
        """Makes this worker known; from now on it may claim."""
        await self._run(self._sign_on, [self._heartbeat, keys.WORKERS], self._life(status))

    async def beat(self, status: dict[str, object]) -> Lengths:
        """Says that the worker lives, and what it does. Raises `HeartbeatLost`."""
        names = [self._heartbeat, keys.WORKERS, keys.VOTES, self._claimed, keys.DEAD]
        lengths = await self._run(self._beat, names, self._life(status))
        return Lengths(*typing.cast("list[int]", lengths))

    async def claim(self, most: int) -> list[bytes]:
        """Claims up to `most` messages, oldest first. Raises `HeartbeatLost`.

        After `MOVED_BYTES` it ends early; of what is too long for a ballot it brings the beginning.
        """
        answer = await self._run(self._claim, self._claim_keys, _claim_arguments(most))
        return typing.cast("list[bytes]", answer)

    async def claim_next(self, most: int) -> list[bytes]:
        """Waits for a vote, `BLOCK` seconds at most, and claims. Raises `HeartbeatLost`.

        The head of the list is moved onto itself: that blocks while there is none, and leaves the
        claim to the script, which asks for the heartbeat. Both are sent at once: so Redis claims
        in the turn in which the vote comes, and waits for the disk once for all of it.
        """
        async with self._blocking.pipeline(transaction=False) as together:
            together.blmove(keys.VOTES, keys.VOTES, BLOCK, "LEFT", "LEFT")
            names = self._claim_keys
            together.evalsha(self._claim.sha, len(names), *names, *_claim_arguments(most))
            waited, answer = await together.execute(raise_on_error=False)
        if isinstance(answer, redis.exceptions.NoScriptError):
            return await self.claim(most)
        if isinstance(answer, Exception):
            raise _named(answer) from None
        if isinstance(waited, Exception) and not answer:
            if not isinstance(waited, redis.exceptions.OutOfMemoryError):
                raise waited
            # No script may wait, and what waits may need memory: so it looks from time to time.
            await asyncio.sleep(FULL_PAUSE)
        return typing.cast("list[bytes]", answer)

    async def drop(self, count: int, dead: list[bytes]) -> None:
        """Forgets the `count` oldest claimed messages, which are committed; buries `dead`.

        Raises `HeartbeatLost`.
        """
        await self._run(
            self._drop,
            [self._claimed, self._heartbeat, keys.DEAD],
            [str(count), str(DEAD_KEPT), *dead],
        )

    async def put_back(self) -> int:
        """Puts back what this session still has claimed and signs off. Returns how many."""
        return await self._release(self.name, "always")

    async def hang_up(self) -> None:
        """Ends all connections, so that the next session has new ones.

        Their server may be a replica since a fail-over, and the address lead to another one.
        """
        for client in (self._client, self._blocking):
            with contextlib.suppress(*redis_client.Away):
                await client.connection_pool.disconnect()

    async def reap(self) -> dict[str, int]:
        """Puts back what workers without a heartbeat had claimed. Returns how many of each."""
        members = typing.cast("typing.Awaitable[set[bytes]]", self._client.smembers(keys.WORKERS))
        names = sorted(name.decode() for name in await members if name.isascii())
        if not names:
            return {}
        beats = await self._client.mget([keys.heartbeat(name) for name in names])
        reaped = {
            name: await self._release(name, "if dead")
            for name, beat in zip(names, beats, strict=True)
            if beat is None
        }
        return {name: count for name, count in reaped.items() if count >= 0}

    def _life(self, status: dict[str, object]) -> list[typing.Any]:
        return [self.name, orjson.dumps(status), HEARTBEAT_LIFE]

    async def _release(self, name: str, condition: str) -> int:
        total, left = 0, 1
        while left:  # who is interrupted here leaves the rest to the reaper
            answer = await self._run(
                self._put_back,
                [keys.VOTES, keys.claimed(name), keys.heartbeat(name), keys.WORKERS],
                [condition, name, str(MOVED_BYTES)],
            )
            moved, left = typing.cast("list[int]", answer)
            total += moved
        return total

    async def _run(
        self, script: typing.Any, names: list[str], arguments: list[typing.Any]
    ) -> object:
        try:
            return await script(keys=names, args=arguments)
        except redis.exceptions.ResponseError as error:
            raise _named(error) from None


def is_full(messages: list[bytes], most: int) -> bool:
    """Whether a claim of up to `most` ended before it had seen the end of the queue."""
    return len(messages) == most or sum(map(len, messages)) >= MOVED_BYTES


def _claim_arguments(most: int) -> list[str]:
    return [str(most), str(MOVED_BYTES), str(ballot.MAX_BYTES)]


def _named(error: Exception) -> Exception:
    return HeartbeatLost() if str(error).startswith("NOHEARTBEAT") else error
