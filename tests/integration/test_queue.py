"""The Redis side of the worker, on a real server: no message is lost between two steps."""

import asyncio
import json

import pytest
from redis.asyncio import Redis

from common.clock import microseconds
from common.queue import keys
from common.queue.keys import SESSION_TTL
from common.queue.message import MAX_BYTES, decode
from common.queue.session import (
    HEARTBEAT_INTERVAL,
    MAX_AHEAD,
    MAX_DEAD,
    MAX_MOVED,
    HeartbeatDeletedError,
    HeartbeatLostError,
    Look,
    Session,
)
from tests import store, until


async def registered(client: Redis, name: str, ttl: int = SESSION_TTL) -> Session:
    session = Session(client, name, "worker-1", ttl=ttl)
    await session.register()
    return session


async def contents(client: Redis, key: str) -> list[bytes | str]:
    return await client.lrange(key, 0, -1)


def messages(count: int) -> list[bytes]:
    return [b'{"voter_id":"%d","vote":"a","cast_at":%d}' % (i, i) for i in range(count)]


async def test_claim_moves_the_oldest_and_drop_removes_them(client: Redis) -> None:
    session = await registered(client, "w")
    pushed = messages(5)
    await client.rpush(keys.VOTES, *pushed)
    assert await session.claim(3) == pushed[:3]
    assert await contents(client, keys.claimed("w")) == pushed[:3]
    assert await contents(client, keys.VOTES) == pushed[3:]
    assert await session.claim(3) == pushed[3:]
    await session.acknowledge(3, pushed[2], [])
    assert await contents(client, keys.claimed("w")) == pushed[3:]


async def test_requeue_restores_the_order(client: Redis) -> None:
    session = await registered(client, "w")
    pushed = messages(12_345)
    await client.rpush(keys.VOTES, *pushed[:-1])
    assert await session.claim(50_000) == pushed[:-1]
    await client.rpush(keys.VOTES, pushed[-1])
    assert await session.requeue() == len(pushed) - 1
    assert await contents(client, keys.VOTES) == pushed
    assert not await client.exists(keys.heartbeat("w"), keys.SESSIONS, keys.claimed("w"))


async def test_a_classic_message_keeps_the_time_of_its_first_claim(client: Redis) -> None:
    before = microseconds()
    longest = b'{"voter_id":"3","vote":"a"}'.rjust(4000)
    other = b'{"vote":"b", "voter_id":"2"} \n'
    await client.rpush(keys.VOTES, b'{"voter_id": "1", "vote": "a"}', other, longest)
    session = await registered(client, "w")
    first = await session.claim(10)
    stamps = [json.loads(message)["cast_at"] for message in first]
    assert all(before <= stamp <= microseconds() + len(stamps) for stamp in stamps)
    assert decode(first[2]).cast_at == stamps[2]
    await session.requeue()
    again = await registered(client, "w2")
    assert await again.claim(10) == first


async def test_a_message_without_a_voter_is_claimed_unchanged(client: Redis) -> None:
    await client.rpush(keys.VOTES, b"{}")
    session = await registered(client, "w")
    assert await session.claim(10) == [b"{}"]


async def test_no_two_classic_messages_get_the_same_time_and_it_never_goes_back(
    client: Redis,
) -> None:
    future = microseconds() + 3_600_000_000
    await client.set(keys.STAMP, future)  # the clock of Redis was set back an hour
    await client.rpush(keys.VOTES, *[b'{"voter_id": "1", "vote": "a"}'] * 100)
    session = await registered(client, "w")
    claimed = [*await session.claim(60), *await session.claim(60)]
    stamps = [json.loads(message)["cast_at"] for message in claimed]
    assert stamps == list(range(future + 1, future + 101))


async def test_a_time_far_in_the_future_becomes_that_of_the_claim(client: Redis) -> None:
    soon = microseconds() + MAX_AHEAD // 2
    pushed = [
        b'{"voter_id":"1","vote":"a","cast_at":%d}' % soon,
        b'{"voter_id":"1","vote":"a","cast_at":%d}' % (2**53 - 1),
        b'{"cast_at" : %d, "voter_id":"2","vote":"b"}' % (soon + MAX_AHEAD),
    ]
    await client.rpush(keys.VOTES, *pushed)
    session = await registered(client, "w")
    before = microseconds()
    first = await session.claim(10)
    after = microseconds()
    assert first[0] == pushed[0]
    ballots = [json.loads(message) for message in first[1:]]
    assert [(ballot["voter_id"], ballot["vote"]) for ballot in ballots] == [("1", "a"), ("2", "b")]
    times = [ballot["cast_at"] for ballot in ballots]
    assert before <= times[0] < times[1] <= after + len(times)
    await session.requeue()
    assert await (await registered(client, "w2")).claim(10) == first


async def test_without_a_heartbeat_a_session_changes_nothing(client: Redis) -> None:
    session = await registered(client, "w")
    pushed = messages(2)
    await client.rpush(keys.VOTES, *pushed)
    await session.claim(1)
    await client.delete(keys.heartbeat("w"))
    with pytest.raises(HeartbeatLostError):
        await session.claim(1)
    with pytest.raises(HeartbeatLostError):
        await session.acknowledge(1, pushed[0], [])
    with pytest.raises(HeartbeatLostError):
        await session.heartbeat()
    assert await contents(client, keys.claimed("w")) == pushed[:1]
    assert await contents(client, keys.VOTES) == pushed[1:]


async def test_an_expired_heartbeat_is_not_mistaken_for_a_deleted_one(client: Redis) -> None:
    expired, deleted = await registered(client, "w1", 100), await registered(client, "w2")

    async def is_expired() -> bool:
        return not await client.exists(keys.heartbeat("w1"))

    await until.true(is_expired)
    with pytest.raises(HeartbeatLostError) as lost:
        await expired.heartbeat()
    assert not isinstance(lost.value, HeartbeatDeletedError)

    await deleted.register()
    await deleted.heartbeat()
    await client.delete(keys.heartbeat("w2"))
    with pytest.raises(HeartbeatDeletedError):
        await deleted.heartbeat()


async def test_the_heartbeat_expires_without_renewal(client: Redis) -> None:
    await registered(client, "w")
    assert 0 < await client.pttl(keys.heartbeat("w")) <= SESSION_TTL
    assert HEARTBEAT_INTERVAL * 3000 <= SESSION_TTL  # one late heartbeat is not the end


async def test_reap_requeues_what_the_dead_had_claimed_once(client: Redis) -> None:
    names = ("alive", "other", "dead")
    alive, other, dead = [await registered(client, name) for name in names]
    pushed = messages(100)
    await client.rpush(keys.VOTES, *pushed)
    await dead.claim(98)
    await alive.claim(1)
    assert (await alive.heartbeat()).ended == []
    await client.sadd(keys.SESSIONS, b"\xff\xfe")  # no session has this name
    await client.delete(keys.heartbeat("dead"))
    looks = [await session.heartbeat() for session in (alive, other)]
    assert all("dead" in look.ended and len(look.ended) == 2 for look in looks)
    reaped = await asyncio.gather(
        *(session.reap(look.ended) for session, look in zip((alive, other), looks, strict=True))
    )
    assert sum(each.get("dead", 0) for each in reaped) == 98
    assert await contents(client, keys.VOTES) == [*pushed[:98], pushed[99]]
    assert await contents(client, keys.claimed("alive")) == [pushed[98]]
    assert {b"alive", b"other"} <= await client.smembers(keys.SESSIONS)


async def test_reap_spares_a_session_whose_heartbeat_is_late(client: Redis) -> None:
    alive, late = await registered(client, "alive"), await registered(client, "late")
    await client.rpush(keys.VOTES, *messages(2))
    await late.claim(2)
    await client.delete(keys.heartbeat("late"))
    ended = (await alive.heartbeat()).ended
    assert ended == ["late"]
    await late.register()
    assert await alive.reap(ended) == {}
    assert await contents(client, keys.claimed("late")) == messages(2)


async def test_a_heartbeat_writes_only_its_renewal_unless_the_session_is_unknown(
    client: Redis,
) -> None:
    session = await registered(client, "w")
    await client.config_resetstat()
    await session.heartbeat()
    written = await client.info("commandstats")
    assert "cmdstat_sadd" not in written
    assert written["cmdstat_pexpire"]["calls"] == 1
    await client.delete(keys.SESSIONS)
    await session.heartbeat()
    assert await client.smembers(keys.SESSIONS) == {b"w"}


async def test_only_the_newest_dead_letters_are_kept(client: Redis) -> None:
    session = await registered(client, "w")
    await client.rpush(keys.VOTES, *messages(3))
    await session.claim(3)
    letters = [b"%d" % i for i in range(MAX_DEAD + 10)]
    await session.acknowledge(1, messages(3)[0], letters)
    await session.acknowledge(1, messages(3)[1], [b"last"])
    assert (await contents(client, keys.DEAD))[:2] == [b"last", letters[-1]]
    assert await session.heartbeat() == Look(queue=0, claimed=1, dead=MAX_DEAD, ended=[])


async def test_one_of_those_who_wait_claims_what_comes(client: Redis) -> None:
    sessions = [await registered(client, name) for name in ("one", "two", "three")]
    waiting = [asyncio.create_task(session.wait()) for session in sessions]

    async def are_blocked() -> bool:
        clients = await client.client_list()
        return sum(each["cmd"] == "blmove" for each in clients) == len(waiting)

    await until.true(are_blocked)
    await client.rpush(keys.VOTES, *messages(2))
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)
    claimed = [await session.claim(10) for session in sessions]
    assert claimed == [messages(2), [], []]


async def test_a_script_moves_a_limited_number_of_bytes(client: Redis) -> None:
    session = await registered(client, "w")
    pushed = [b"%04d" % each * (MAX_BYTES // 4) for each in range(1_500)]
    await client.rpush(keys.VOTES, *pushed)
    claims = [await session.claim(5_000) for _ in range(2)]
    assert [message for claim in claims for message in claim] == pushed
    assert MAX_MOVED <= sum(map(len, claims[0])) <= MAX_MOVED + MAX_BYTES
    assert await session.requeue() == len(pushed)
    assert await contents(client, keys.VOTES) == pushed


async def test_a_message_that_is_too_long_is_cut(client: Redis) -> None:
    session = await registered(client, "w")
    longest = messages(1)[0].ljust(MAX_BYTES)
    await client.rpush(keys.VOTES, longest, b"x" * 10_000_000)
    claimed = [longest, b"x" * (MAX_BYTES + 1)]
    assert await session.claim(10) == claimed
    assert await contents(client, keys.claimed("w")) == claimed


async def test_every_step_works_while_redis_is_out_of_memory(client: Redis) -> None:
    await client.rpush(keys.VOTES, *messages(4), b'{"voter_id":"x","vote":"a"}')
    async with store.full(client):
        session = await registered(client, "w")
        await session.wait()
        assert len(await session.claim(5)) == 5
        await session.acknowledge(2, messages(4)[1], [b"dead"])
        assert await session.heartbeat() == Look(queue=0, claimed=3, dead=1, ended=[])
        await client.delete(keys.heartbeat("w"))
        other = await registered(client, "w2")
        assert await other.reap((await other.heartbeat()).ended) == {"w": 3}
    assert (await contents(client, keys.VOTES))[:2] == messages(4)[2:]
