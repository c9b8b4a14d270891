"""Concurrent pushes travel together, and each voter is told what became of theirs."""

import asyncio
import contextlib
import time
import typing
from collections.abc import AsyncIterator

import pytest
import redis.asyncio

from common import ballot, keys
from tests import store
from tests.integration import pushing
from vote import pusher, queue

TIMEOUT = 0.5  # seconds
Client = redis.asyncio.Redis
Pushed = pushing.Pushed


def cast(number: int) -> ballot.Ballot:
    return ballot.Ballot(f"voter-{number}", "a", number)


@pytest.fixture
async def pushed(stores: store.Stores) -> AsyncIterator[Pushed]:
    async with pushing.opened(stores.redis_url, limit=TIMEOUT) as made:
        yield made


async def test_concurrent_pushes_travel_together(pushed: Pushed, client: Client) -> None:
    count = 2 * queue.MAX_PUSH + 5
    await asyncio.gather(*(pushed.push(cast(number)) for number in range(count)))
    messages = await client.lrange(keys.VOTES, 0, -1)
    assert messages == [ballot.encode(cast(number)) for number in range(count)]
    assert pushed.sample("vote_push_batch_size_sum") == count
    assert pushed.sample("vote_push_batch_size_count") == 3
    assert pushed.sample("vote_ballots_accepted_total", option="a") == count
    assert pushed.sample("vote_ballots_accepted_total", option="b") == 0


async def test_what_comes_during_a_push_goes_with_the_next(pushed: Pushed, client: Client) -> None:
    under_way = []
    for number in range(200):
        under_way.append(asyncio.create_task(pushed.push(cast(number))))
        await asyncio.sleep(0)
    await asyncio.gather(*under_way)
    messages = await client.lrange(keys.VOTES, 0, -1)
    # In any order: two pushes are under way at once.
    assert sorted(messages) == sorted(ballot.encode(cast(number)) for number in range(200))
    assert pushed.sample("vote_push_batch_size_count") < 150


@pytest.mark.parametrize(("later", "commands"), [(9, 2), (10, 2), (12, 3)])
async def test_a_second_command_leaves_when_it_has_as_many_as_the_first(
    pushed: Pushed, client: Client, stores: store.Stores, later: int, commands: int
) -> None:
    await stores.redis.pause()
    under_way = [asyncio.create_task(pushed.push(cast(number))) for number in range(10)]
    for number in range(later):
        await asyncio.sleep(0.001)
        under_way.append(asyncio.create_task(pushed.push(cast(10 + number))))
    await stores.redis.resume()
    await asyncio.gather(*under_way)
    assert await client.llen(keys.VOTES) == 10 + later
    assert pushed.sample("vote_push_batch_size_count") == commands


async def test_each_is_acknowledged_only_when_redis_has_it(
    pushed: Pushed, client: Client, stores: store.Stores
) -> None:
    await pushed.push(cast(0))
    await stores.redis.pause()
    under_way = asyncio.create_task(pushed.push(cast(1)))
    done, _ = await asyncio.wait({under_way}, timeout=0.2)
    assert not done
    await stores.redis.resume()
    await under_way
    assert await client.llen(keys.VOTES) == 2


async def test_when_redis_is_away_each_is_told(pushed: Pushed, stores: store.Stores) -> None:
    await pushed.push(cast(0))
    await stores.redis.stop()
    outcomes = await asyncio.gather(
        *(pushed.push(cast(number)) for number in range(100)), return_exceptions=True
    )
    assert all(isinstance(outcome, pusher.QueueAway) for outcome in outcomes)
    assert all(str(outcome) for outcome in outcomes)
    assert not pushed.state.is_up
    await stores.redis.start()
    await pushed.push(cast(1))
    assert pushed.state.is_up


async def test_nobody_waits_through_more_than_one_failure(
    pushed: Pushed, stores: store.Stores, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MAX_PUSH", 10)
    await pushed.push(cast(0))
    await stores.redis.pause()
    started = time.monotonic()
    outcomes = await asyncio.gather(
        *(pushed.push(cast(number)) for number in range(100)), return_exceptions=True
    )
    assert time.monotonic() - started < 3 * TIMEOUT  # it was 5 times that
    unsure = [each.unsure for each in outcomes if isinstance(each, pusher.QueueAway)]
    assert len(unsure) == 100 and not unsure[-1]
    await stores.redis.resume()
    await pushed.push(cast(1))
    # The first command, perhaps the second; what was behind them was refused and not sent.
    assert await client.llen(keys.VOTES) - 2 == sum(unsure) <= 20


async def test_nobody_waits_for_several_pushes_that_are_slow(
    stores: store.Stores, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MAX_PUSH", 10)
    monkeypatch.setattr(queue, "MAX_WAIT", 0.1)
    async with pushing.opened(stores.redis_url) as pushed:
        await pushed.push(cast(0))
        await stores.redis.pause()
        under_way = asyncio.gather(
            *(pushed.push(cast(number)) for number in range(100)), return_exceptions=True
        )
        await asyncio.sleep(queue.MAX_WAIT * 2)  # the first push takes so long
        await stores.redis.resume()
        outcomes = await under_way
        assert outcomes[:10] == [None] * 10
        late = [each for each in outcomes if isinstance(each, pusher.QueueAway)]
        assert len(late) == 90
        assert {(each.told, each.unsure) for each in late} == {(queue.CROWDED, False)}
        assert await client.llen(keys.VOTES) == 11
        assert pushed.state.is_up
        await pushed.push(cast(1))


async def test_a_longer_time_out_of_the_client_is_not_for_pushes(
    stores: store.Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ballot, "PUSH_TIMEOUT", TIMEOUT)
    async with pushing.opened(f"{stores.redis_url}?socket_timeout=20") as pushed:
        await pushed.push(cast(0))
        await stores.redis.pause()
        async with asyncio.timeout(10):
            with pytest.raises(pusher.QueueAway) as away:
                await pushed.push(cast(1))
        assert away.value.unsure
        await stores.redis.resume()


async def test_the_connections_are_there_before_the_first_vote(
    vote_url: str, client: Client
) -> None:
    """A pod that has just come, or is about to leave, may be unable to make one."""
    names = [each["name"] for each in await client.client_list()]
    assert names.count("vote") >= 1 + queue.PUSHES, vote_url


def address(server: asyncio.Server) -> str:
    """The URL of what listens there in place of Redis."""
    return f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_connection_that_cannot_be_made_is_tried_once_more() -> None:
    met = 0

    async def refuse_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal met
        met += 1
        while met > 1 and (data := await reader.read(4096)):
            writer.write(b":1\r\n" if b"RPUSH" in data else b"+OK\r\n" * data.count(b"*"))
        writer.close()

    async with (
        await asyncio.start_server(refuse_once, "127.0.0.1", 0) as server,
        pushing.opened(address(server)) as pushed,
    ):
        await pushed.push(cast(0))
        assert met == 2


@contextlib.asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[Pushed, list[bytes]]]:
    """A queue at a server that gives these answers to pushes, empty: hangs up; and what came."""
    came: list[bytes] = []
    handlers: list[asyncio.Task[None] | None] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        while data := await reader.read(4096):
            if b"RPUSH" not in data:
                writer.write(b"+OK\r\n" * data.count(b"*"))
                continue
            came.append(data)
            if not (told := answers[len(came) - 1]):
                break
            writer.write(told)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        async with pushing.opened(address(server)) as pushed:
            yield pushed, came
        await asyncio.wait(filter(None, handlers))


async def test_what_is_refused_after_a_lost_answer_may_have_been_taken() -> None:
    async with answering(b"", b"-OOM it is full\r\n") as (pushed, came):
        with pytest.raises(pusher.QueueAway, match="full") as away:
            await pushed.push(cast(0))
    assert len(came) == 2
    assert away.value.unsure


async def test_a_server_that_loads_its_data_is_asked_once() -> None:
    """To the client library that is a connection that failed. But it has answered."""
    async with answering(b"-LOADING it is\r\n", b":1\r\n") as (pushed, came):
        with pytest.raises(pusher.QueueAway) as away:
            await pushed.push(cast(0))
    assert len(came) == 1
    assert not away.value.unsure


async def test_a_replica_is_asked_once_more_by_a_new_connection() -> None:
    async with answering(*[b"-READONLY it is\r\n"] * 2) as (pushed, came):
        with pytest.raises(pusher.QueueAway, match="replica") as away:
            await pushed.push(cast(0))
    assert len(came) == 2
    assert not away.value.unsure


async def test_a_second_try_takes_no_longer_than_one() -> None:
    handlers: list[asyncio.Task[None] | None] = []

    async def hang_up_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        while data := await reader.read(4096):
            if b"RPUSH" in data:
                await asyncio.sleep(0.8)
                break
            writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.close()

    async with await asyncio.start_server(hang_up_late, "127.0.0.1", 0) as server:
        async with pushing.opened(address(server), limit=1.0) as pushed:
            started = time.monotonic()
            with pytest.raises(pusher.QueueAway) as away:
                await pushed.push(cast(0))
            assert away.value.unsure
            assert 0.8 < time.monotonic() - started < 1.5
        await asyncio.wait(filter(None, handlers))


async def test_a_fault_of_the_client_library_leaves_nobody_waiting() -> None:
    class Faulty(redis.asyncio.Connection):
        async def connect(self) -> typing.NoReturn:
            raise RuntimeError("a fault")

    client = Client(connection_pool=redis.asyncio.ConnectionPool(Faulty))
    with pytest.raises(pusher.QueueAway, match="a fault"):
        await asyncio.wait_for(Pushed(client).push(cast(0)), 5)


async def test_a_voter_who_hangs_up_takes_nobody_along(pushed: Pushed, client: Client) -> None:
    under_way = [asyncio.create_task(pushed.push(cast(number))) for number in range(10)]
    await asyncio.sleep(0)
    under_way[3].cancel()
    outcomes = await asyncio.gather(*under_way, return_exceptions=True)
    assert [outcome for outcome in outcomes if outcome is not None] == [outcomes[3]]
    assert await client.llen(keys.VOTES) == 10


async def test_the_wait_is_bounded(
    pushed: Pushed, stores: store.Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MAX_PENDING", 10)
    await stores.redis.pause()
    under_way = [asyncio.create_task(pushed.push(cast(number))) for number in range(11)]
    outcomes = await asyncio.gather(*under_way, return_exceptions=True)
    assert "too many votes" in str(outcomes[-1])
    assert not any("too many votes" in str(outcome) for outcome in outcomes[:-1])
