"""Ballots travel together, and each voter learns whether Redis has recorded theirs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import redis.asyncio

from common.queue import keys, producer
from common.queue.message import Ballot, encode
from common.queue.producer import ClosedError, NotRecordedError, UnsureError
from tests import address, store, until
from tests.integration import pushing
from tests.integration.pushing import Pushed

Client = redis.asyncio.Redis
TIMEOUT = 0.5  # seconds
LATER = 0.05  # seconds


def ballot(number: int) -> Ballot:
    return Ballot(f"voter-{number}", "a", number)


def start(pushed: Pushed, count: int) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(pushed.push(ballot(number))) for number in range(count)]


async def outcomes(tasks: list[asyncio.Task[None]]) -> list[type | None]:
    """Return for each push None, or the type of its error."""
    results = await asyncio.gather(*tasks, return_exceptions=True)
    return [None if result is None else type(result) for result in results]


@pytest.fixture
async def pushed(stores: store.Stores) -> AsyncIterator[Pushed]:
    async with pushing.opened(stores.redis_url) as opened:
        yield opened


async def test_ballots_that_arrive_together_travel_together(pushed: Pushed, client: Client) -> None:
    count = 2 * producer.MAX_PUSH + 5
    assert await outcomes(start(pushed, count)) == [None] * count
    messages = await client.lrange(keys.VOTES, 0, -1)
    assert sorted(messages) == sorted(encode(ballot(number)) for number in range(count))
    assert pushed.sample("vote_push_batch_size_count") == 3
    assert pushed.sample("vote_push_seconds_count") == 3
    assert pushed.sample("vote_ballots_accepted_total", option="a") == count
    assert pushed.sample("vote_ballots_accepted_total", option="b") == 0


async def test_a_ballot_is_acknowledged_only_when_redis_has_it(
    pushed: Pushed, client: Client, stores: store.Stores
) -> None:
    await pushed.push(ballot(0))
    await stores.redis.pause()
    pushing_one = asyncio.create_task(pushed.push(ballot(1)))
    done, _ = await asyncio.wait({pushing_one}, timeout=0.2)
    assert not done
    await stores.redis.resume()
    await pushing_one
    assert await client.llen(keys.VOTES) == 2


@pytest.mark.parametrize("replicas", [0, 1])
async def test_redis_refuses_a_ballot_after_the_end_by_its_own_clock(
    stores: store.Stores, client: Client, replicas: int
) -> None:
    async with pushing.opened(stores.redis_url, replicas, last_push=1) as pushed:
        assert await outcomes(start(pushed, 3)) == [ClosedError] * 3
    assert not await client.exists(keys.VOTES)


async def test_redis_takes_all_ballots_before_the_end(stores: store.Stores, client: Client) -> None:
    async with pushing.opened(stores.redis_url, last_push=2**53) as pushed:
        assert await outcomes(start(pushed, producer.MAX_PUSH)) == [None] * producer.MAX_PUSH
    assert await client.llen(keys.VOTES) == producer.MAX_PUSH


async def test_a_connection_that_hangs_is_opened_again(stores: store.Stores) -> None:
    async with address.opened(stores.redis_url) as slow, pushing.opened(slow.url) as pushed:
        slow.silent = 1
        await pushed.push(ballot(0))
        assert not slow.silent


async def test_a_refused_connection_means_not_recorded(
    pushed: Pushed, client: Client, stores: store.Stores
) -> None:
    await pushed.push(ballot(0))
    await stores.redis.stop()
    assert await outcomes(start(pushed, 100)) == [NotRecordedError] * 100
    await stores.redis.start()
    await pushed.push(ballot(1))
    assert await client.llen(keys.VOTES) == 2


async def test_a_missing_answer_means_unsure_and_all_that_wait_are_not_recorded(
    pushed: Pushed, stores: store.Stores, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "PUSH_TIMEOUT", TIMEOUT)
    monkeypatch.setattr(producer, "MAX_PUSH", 10)
    await asyncio.gather(*start(pushed, 20))  # both runners have a connection
    await stores.redis.pause()
    started = time.monotonic()
    results = await outcomes(start(pushed, 100))
    assert time.monotonic() - started < 2 * TIMEOUT
    assert results == [UnsureError] * 20 + [NotRecordedError] * 80
    await stores.redis.resume()
    await pushed.push(ballot(1))
    assert 21 <= await client.llen(keys.VOTES) <= 41


async def test_a_ballot_that_waits_too_long_is_not_recorded(
    pushed: Pushed, stores: store.Stores, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "MAX_PUSH", 10)
    await asyncio.gather(*start(pushed, 20))
    await stores.redis.pause()
    pushes = start(pushed, 50)
    await asyncio.sleep(0)  # the first 20 are sent before the limit changes
    await asyncio.sleep(0)
    monkeypatch.setattr(producer, "PUSH_TIMEOUT", 0.0)
    await stores.redis.resume()
    assert await outcomes(pushes) == [None] * 20 + [NotRecordedError] * 30
    assert await client.llen(keys.VOTES) == 40


async def test_too_many_waiting_ballots_are_refused(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "MAX_WAITING", 10)
    assert await outcomes(start(pushed, 12)) == [None] * 10 + [NotRecordedError] * 2


async def test_all_that_wait_learn_the_reason(pushed: Pushed, client: Client) -> None:
    await pushed.push(ballot(0))
    async with store.full(client):
        refused = await asyncio.gather(
            *start(pushed, 5 * producer.MAX_PUSH), return_exceptions=True
        )
    assert {repr(each) for each in refused} == {"NotRecordedError('the memory of Redis is full')"}


async def test_a_voter_who_hangs_up_stops_nobody_else(pushed: Pushed, client: Client) -> None:
    pushes = start(pushed, 10)
    await asyncio.sleep(0)
    pushes[3].cancel()
    results = await outcomes(pushes)
    assert results[3] is asyncio.CancelledError
    assert results.count(None) == 9
    await until.true(lambda: _has(client, 10))


async def _has(client: Client, count: int) -> bool:
    return await client.llen(keys.VOTES) == count


@asynccontextmanager
async def answering(answer: bytes, replicas: int = 0) -> AsyncIterator[Pushed]:
    """Yield a queue whose Redis gives this answer to each push; empty: it hangs up."""
    handlers: list[asyncio.Task[None] | None] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.current_task())
        while data := await reader.read(4096):
            if b"RPUSH" in data and not answer:
                break
            if b"RPUSH" not in data:
                writer.write(b"+OK\r\n" * data.count(b"*"))
                continue
            first, *later = answer.splitlines(keepends=True)
            writer.write(first)
            await asyncio.sleep(LATER)  # the client has read the first answer
            writer.write(b"".join(later))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        async with pushing.opened(f"redis://{host}:{port}?protocol=2", replicas) as pushed:
            yield pushed
        await asyncio.wait(filter(None, handlers))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"-OOM command not allowed\r\n", NotRecordedError),
        (b"-READONLY You can't write against a read only replica.\r\n", NotRecordedError),
        (b"-LOADING Redis is loading the dataset in memory\r\n", NotRecordedError),
        (b"-MISCONF Errors writing to the AOF file\r\n", NotRecordedError),
        (b"-NOREPLICAS Not enough good replicas to write.\r\n", NotRecordedError),
        (b"not the protocol of Redis\r\n", UnsureError),
        (b"", UnsureError),
    ],
)
async def test_an_error_of_redis_means_not_recorded_and_a_lost_answer_unsure(
    answer: bytes, error: type[Exception]
) -> None:
    async with answering(answer) as pushed:
        with pytest.raises(error):
            await pushed.push(ballot(0))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"-OOM command not allowed\r\n:1\r\n", NotRecordedError),
        (b"-READONLY You can't write against a read only replica.\r\n:0\r\n", NotRecordedError),
        (b"-NOREPLICAS Not enough good replicas to write.\r\n:0\r\n", NotRecordedError),
        (b":1\r\n:0\r\n", UnsureError),
        (b":1\r\n-UNBLOCKED force unblock, instance state changed\r\n", UnsureError),
        (b":1\r\n-READONLY You can't write against a read only replica.\r\n", UnsureError),
        (b":1\r\n", UnsureError),
        (b"", UnsureError),
        (b":1\r\n:1\r\n", None),
    ],
)
async def test_only_an_error_of_the_push_itself_means_not_recorded(
    answer: bytes, error: type[Exception] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "PUSH_TIMEOUT", TIMEOUT)
    async with answering(answer, replicas=1) as pushed:
        # The answers of the second push are its own, not what the first one has left unread.
        results = [await outcomes(start(pushed, 1)) for _ in range(2)]
        assert results == [[error], [error]]
