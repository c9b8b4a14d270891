"""The Redis side of the worker, on a real server: nothing is lost between the steps."""

import asyncio
import contextlib
import time

import orjson
import pytest
import redis.asyncio
import redis.exceptions

from common import ballot, keys
from tests import store, until
from tests.integration import account
from worker import queue

Client = redis.asyncio.Redis
STATUS: dict[str, object] = {"state": "idle"}


async def signed_on(client: Client, name: str) -> queue.Session:
    session = queue.Session(client, client, name)
    await session.sign_on(STATUS)
    return session


async def contents(client: Client, key: str) -> list[bytes | str]:
    return await client.lrange(key, 0, -1)


def messages(count: int) -> list[bytes]:
    return [b'{"voter_id":"%d","vote":"a","cast_at":%d}' % (i, i) for i in range(count)]


async def test_claim_moves_the_oldest_and_drop_forgets_them(client: Client) -> None:
    session = await signed_on(client, "w")
    pushed = messages(5)
    await client.rpush(keys.VOTES, *pushed)
    assert await session.claim(3) == pushed[:3]
    assert await contents(client, keys.claimed("w")) == pushed[:3]
    assert await contents(client, keys.VOTES) == pushed[3:]
    assert await session.claim(3) == pushed[3:]
    await session.drop(3, [])
    assert await contents(client, keys.claimed("w")) == pushed[3:]
    await session.drop(2, [])
    assert await client.exists(keys.claimed("w"), keys.VOTES) == 0


async def test_a_claim_of_many_thousands_keeps_order_both_ways(client: Client) -> None:
    session = await signed_on(client, "w")
    pushed = messages(23_456)
    await client.rpush(keys.VOTES, *pushed)
    assert await session.claim(50_000) == pushed
    assert await contents(client, keys.claimed("w")) == pushed
    assert await session.put_back() == len(pushed)
    assert await contents(client, keys.VOTES) == pushed


async def test_the_classic_message_keeps_the_time_of_its_first_claim(client: Client) -> None:
    before = time.time_ns() // 1000
    await client.rpush(
        keys.VOTES, b'{"voter_id": "1f", "vote": "a"}', b'{"vote":"b","voter_id":"2"} \n'
    )
    session = await signed_on(client, "w")
    first = await session.claim(10)
    assert await contents(client, keys.claimed("w")) == first

    stamps = [orjson.loads(message)["cast_at"] for message in first]
    assert all(before <= stamp <= time.time_ns() // 1000 for stamp in stamps)
    await session.put_back()
    again = await signed_on(client, "w2")
    assert await again.claim(10) == first


async def test_the_longest_classic_message_is_a_ballot_with_its_time_too(client: Client) -> None:
    await client.rpush(keys.VOTES, b'{"voter_id":"1f","vote":"a"}'.rjust(4096))
    session = await signed_on(client, "w")
    first = await session.claim(10)
    assert ballot.parse(first[0], {"a"}).cast_at
    await session.put_back()
    again = await signed_on(client, "w2")
    assert await again.claim(10) == first


async def test_the_later_of_two_classic_messages_counts_whatever_is_delivered_again(
    client: Client,
) -> None:
    classic = [b'{"voter_id": "1f", "vote": "%c"}' % vote for vote in b"ab" * 500]
    await client.rpush(keys.VOTES, *classic)
    session = await signed_on(client, "w")
    claims = [*await session.claim(400), *await session.claim(300), *await session.claim(300)]
    stamps = [orjson.loads(message)["cast_at"] for message in claims]
    assert stamps == sorted(set(stamps))  # no two the same: of the same, the one committed last
    await session.put_back()
    await client.rpush(keys.VOTES, classic[0])
    again = await signed_on(client, "w2")
    await again.claim(len(claims))
    (later,) = await again.claim(1)
    assert orjson.loads(later)["cast_at"] > stamps[-1]


async def test_a_clock_that_was_set_back_makes_no_later_message_the_older(client: Client) -> None:
    session = await signed_on(client, "w")
    last = time.time_ns() // 1000 + 3_600_000_000
    await client.set(keys.STAMP, last)
    await client.rpush(keys.VOTES, b'{"voter_id": "1f", "vote": "a"}')
    (claimed,) = await session.claim(1)
    assert orjson.loads(claimed)["cast_at"] == last + 1


async def test_a_name_that_no_worker_has_does_not_stop_the_reaper(client: Client) -> None:
    alive, dead = await signed_on(client, "alive"), await signed_on(client, "dead")
    await client.rpush(keys.VOTES, *messages(2))
    await dead.claim(2)
    await client.delete(keys.heartbeat("dead"))
    await client.sadd(keys.WORKERS, b"\xff\xfe")
    assert await alive.reap() == {"dead": 2}


async def test_what_came_meanwhile_stays_behind_what_is_put_back(client: Client) -> None:
    session = await signed_on(client, "w")
    pushed = messages(4)
    await client.rpush(keys.VOTES, *pushed[:3])
    await session.claim(2)
    await client.rpush(keys.VOTES, pushed[3])
    assert await session.put_back() == 2
    assert await contents(client, keys.VOTES) == pushed
    assert not await client.exists(keys.heartbeat("w"))
    assert not await client.sismember(keys.WORKERS, "w")


async def test_a_session_without_heartbeat_can_neither_claim_nor_drop(client: Client) -> None:
    session = await signed_on(client, "w")
    pushed = messages(2)
    await client.rpush(keys.VOTES, *pushed)
    await session.claim(1)
    await client.delete(keys.heartbeat("w"))
    with pytest.raises(queue.HeartbeatLost):
        await session.claim(1)
    with pytest.raises(queue.HeartbeatLost):
        await session.drop(1, [])
    with pytest.raises(queue.HeartbeatLost):
        await session.beat(STATUS)
    assert await contents(client, keys.claimed("w")) == pushed[:1]
    assert await contents(client, keys.VOTES) == pushed[1:]
    assert not await client.exists(keys.heartbeat("w"))


async def test_the_reaper_takes_from_the_dead_and_not_from_the_living(client: Client) -> None:
    alive = await signed_on(client, "alive")
    dead = await signed_on(client, "dead")
    pushed = messages(4)
    await client.rpush(keys.VOTES, *pushed)
    await dead.claim(2)
    await alive.claim(1)
    assert await alive.reap() == {}
    await client.delete(keys.heartbeat("dead"))
    assert await alive.reap() == {"dead": 2}
    assert await contents(client, keys.VOTES) == [*pushed[:2], pushed[3]]
    assert await contents(client, keys.claimed("alive")) == [pushed[2]]
    assert await client.smembers(keys.WORKERS) == {b"alive"}


async def test_a_worker_that_beats_after_the_reaper_has_looked_is_left_alone(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive, late = await signed_on(client, "alive"), await signed_on(client, "late")
    await client.rpush(keys.VOTES, *messages(2))
    await late.claim(2)
    await client.delete(keys.heartbeat("late"))
    look = client.mget

    async def look_before(names: list[str]) -> list[bytes | str | None]:
        found = await look(names)
        await late.sign_on(STATUS)
        return found

    monkeypatch.setattr(client, "mget", look_before)
    assert await alive.reap() == {}
    assert await contents(client, keys.claimed("late")) == messages(2)
    assert await late.beat(STATUS) == queue.Lengths(waiting=0, claimed=2, dead=0)


async def test_workers_whose_names_were_lost_are_known_again_and_reaped_when_they_die(
    client: Client,
) -> None:
    alive, dead = await signed_on(client, "alive"), await signed_on(client, "dead")
    await client.rpush(keys.VOTES, *messages(2))
    await dead.claim(2)
    await client.delete(keys.WORKERS)
    await dead.beat(STATUS)
    await client.delete(keys.heartbeat("dead"))
    assert await alive.reap() == {"dead": 2}
    assert await contents(client, keys.VOTES) == messages(2)


async def test_who_dies_between_two_parts_of_a_put_back_leaves_the_rest_to_the_reaper(
    client: Client,
) -> None:
    alive, dying = await signed_on(client, "alive"), await signed_on(client, "dying")
    await client.rpush(keys.VOTES, *messages(200))
    await dying.claim(200)
    names = [keys.VOTES, keys.claimed("dying"), keys.heartbeat("dying"), keys.WORKERS]
    await dying._put_back(keys=names, args=["always", "dying", "1000"])
    left = await client.llen(keys.claimed("dying"))
    assert 0 < left < 200
    assert await alive.reap() == {"dying": left}
    assert await contents(client, keys.VOTES) == messages(200)
    assert await client.smembers(keys.WORKERS) == {b"alive"}


async def test_two_reapers_put_back_once(client: Client) -> None:
    one, two = await signed_on(client, "one"), await signed_on(client, "two")
    dead = await signed_on(client, "dead")
    await client.rpush(keys.VOTES, *messages(100))
    await dead.claim(100)
    await client.delete(keys.heartbeat("dead"))
    await asyncio.gather(one.reap(), two.reap())
    assert await contents(client, keys.VOTES) == messages(100)


async def test_the_heartbeat_runs_out_by_itself(client: Client) -> None:
    await signed_on(client, "w")
    left = await client.pttl(keys.heartbeat("w"))
    assert 0 < left <= queue.HEARTBEAT_LIFE * 1000
    # Beats come several times in a life, so that one late beat is no death.
    assert queue.HEARTBEAT_INTERVAL * 4 <= queue.HEARTBEAT_LIFE


async def test_a_beat_tells_the_lengths(client: Client) -> None:
    session = await signed_on(client, "w")
    await client.rpush(keys.VOTES, *messages(5))
    await session.claim(2)
    await session.drop(1, [b"bad"])
    assert await session.beat(STATUS) == queue.Lengths(waiting=3, claimed=1, dead=1)


async def test_only_the_newest_dead_letters_are_kept(client: Client) -> None:
    session = await signed_on(client, "w")
    await client.rpush(keys.VOTES, *messages(2))
    await session.claim(2)
    letters = [b"%d" % i for i in range(queue.DEAD_KEPT + 10)]
    await session.drop(1, letters)
    await session.drop(1, [b"last"])
    kept = await contents(client, keys.DEAD)
    assert len(kept) == queue.DEAD_KEPT
    assert kept[:2] == [b"last", letters[-1]]


async def wait_for_a_vote(client: Client, *names: str) -> list[asyncio.Task[list[bytes]]]:
    """Workers that all wait."""
    sessions = [await signed_on(client, name) for name in names]
    for session in sessions:
        assert await session.claim(10) == []  # as a worker does first: now Redis has the script
    waiting = [asyncio.create_task(session.claim_next(10)) for session in sessions]

    async def blocked() -> bool:
        clients = await client.client_list()
        return sum(each["cmd"] == "blmove" for each in clients) == len(waiting)

    await until.true(blocked)
    assert not any(task.done() for task in waiting)
    return waiting


async def test_one_of_those_who_wait_claims_what_comes(client: Client) -> None:
    waiting = await wait_for_a_vote(client, "one", "two", "three")
    pushed = messages(2)
    await client.rpush(keys.VOTES, *pushed)
    async with asyncio.timeout(2):
        claimed = await asyncio.gather(*waiting)
    assert sorted(claimed) == [[], [], pushed]
    (owner,) = [name for name, of in zip(("one", "two", "three"), claimed, strict=True) if of]
    assert await contents(client, keys.claimed(owner)) == pushed
    assert await contents(client, keys.VOTES) == []


async def test_who_waits_and_has_died_meanwhile_claims_nothing(client: Client) -> None:
    (waiting,) = await wait_for_a_vote(client, "w")
    await client.delete(keys.heartbeat("w"))
    await client.rpush(keys.VOTES, *messages(2))
    with pytest.raises(queue.HeartbeatLost):
        await waiting
    assert await contents(client, keys.VOTES) == messages(2)
    assert not await client.exists(keys.claimed("w"))


async def test_who_waits_claims_though_redis_has_forgotten_the_script(client: Client) -> None:
    (waiting,) = await wait_for_a_vote(client, "w")
    await client.script_flush()
    await client.rpush(keys.VOTES, *messages(2))
    assert await waiting == messages(2)


async def test_a_wait_that_redis_refuses_is_told(client: Client, stores: store.Stores) -> None:
    """Else it would ask again and again, without a pause."""
    async with (
        account.opened(client, "~*", "+@all", "-blmove") as user,
        Client.from_url(
            stores.redis_url, username=user["REDIS_USERNAME"], password=user["REDIS_PASSWORD"]
        ) as limited,
    ):
        session = await signed_on(limited, "w")
        assert await session.claim(10) == []
        with pytest.raises(redis.exceptions.NoPermissionError):
            await session.claim_next(10)


async def test_a_late_command_of_an_ended_session_changes_nothing(client: Client) -> None:
    session = await signed_on(client, "w")
    await client.rpush(keys.VOTES, *messages(3))
    await session.claim(2)
    await session.put_back()
    with contextlib.suppress(queue.HeartbeatLost):
        await session.claim(2)
    assert await contents(client, keys.VOTES) == messages(3)
    assert not await client.exists(keys.claimed("w"))


async def test_a_claim_ends_after_some_bytes_and_is_full(client: Client) -> None:
    session = await signed_on(client, "w")
    pushed = [b"%04d" % each * (ballot.MAX_BYTES // 4) for each in range(1_500)]
    await client.rpush(keys.VOTES, *pushed)
    claims = [await session.claim(5_000) for _ in range(3)]
    assert [message for each in claims for message in each] == pushed
    assert [queue.is_full(each, 5_000) for each in claims] == [True, False, False]
    assert queue.MOVED_BYTES <= sum(map(len, claims[0])) < queue.MOVED_BYTES * 1.1
    assert await contents(client, keys.claimed("w")) == pushed
    assert await session.put_back() == len(pushed)
    assert await contents(client, keys.VOTES) == pushed


async def test_of_what_is_too_long_for_a_ballot_the_beginning_is_claimed(client: Client) -> None:
    session = await signed_on(client, "w")
    kept = messages(1)[0].ljust(ballot.MAX_BYTES)
    await client.rpush(keys.VOTES, kept, kept + b" ", b"x" * 1_000_000)
    claimed = [kept, kept + b" ", b"x" * (ballot.MAX_BYTES + 1)]
    assert await session.claim(10) == claimed
    assert await contents(client, keys.claimed("w")) == claimed


async def test_who_has_put_back_as_much_as_one_script_may_is_signed_off(client: Client) -> None:
    session = await signed_on(client, "w")
    await client.rpush(keys.claimed("w"), b"x" * queue.MOVED_BYTES)
    assert await session.put_back() == 1
    assert await client.llen(keys.VOTES) == 1
    assert not await client.exists(keys.WORKERS, keys.claimed("w"))
