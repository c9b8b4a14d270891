"""Messages far longer than a ballot, and how much memory Redis needs for them."""

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
import redis.asyncio

from common import ballot, keys
from tests import fail_over, service, store, until
from worker import queue

Client = redis.asyncio.Redis
SPARE = (
    32 * 1024 * 1024
)  # bytes; half of what there is from maxmemory to the limit of the container
LONG = 100_000  # bytes
HUGE = [b"z" * 1_500_000] * 30
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc for the memory")


def votes(count: int) -> list[bytes]:
    return [b'{"voter_id":"%d","vote":"a","cast_at":%d}' % (i, i) for i in range(count)]


@pytest.fixture
async def small() -> AsyncIterator[Client]:
    """A server of the test's own."""
    with fail_over.valkey() as url:
        async with Client.from_url(url) as connected:
            await connected.config_set(
                "auto-aof-rewrite-percentage", 0
            )  # as it would need some too
            yield connected


async def peak(client: Client) -> int:
    """The most memory that this server has had, in bytes, that of Lua as well."""
    return highest((await client.info("server"))["process_id"])


def highest(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kilobytes) * 1024


async def fill(client: Client, key: str, messages: list[bytes]) -> None:
    for first in range(0, len(messages), 10):
        await client.rpush(key, *messages[first : first + 10])


async def test_a_worker_drains_them(
    small: Client, stores: store.Stores, services: service.Services
) -> None:
    pushed = votes(2_000)
    pushed[500:500] = [b"x" * LONG] * 600
    for each in range(400):  # and some between the ballots
        pushed.insert(4 * each, b'{"voter_id":"%s"' % (b"y" * LONG))
    pushed = [*votes(100), *HUGE, *pushed, b"z" * 10_000_000]
    await fill(small, keys.VOTES, pushed)
    filled = await peak(small)
    url = small.connection_pool.connection_kwargs["path"]
    worker = services.start(
        "worker", DATABASE_URL=stores.database_url, REDIS_URL=f"unix://{url}", WORKER_NAME="w"
    )

    async def is_drained() -> bool:
        left = await small.llen(keys.VOTES)
        return left == 0 and not await small.keys(keys.claimed("*"))

    await until.true(is_drained, 60, lambda: worker.log)
    assert await peak(small) - filled < SPARE
    letters = [orjson.loads(each) for each in await small.lrange(keys.DEAD, 0, -1)]
    assert {each["reason"] for each in letters} == {f"longer than {ballot.MAX_BYTES} bytes"}
    assert len(letters) == queue.DEAD_KEPT
    assert letters[0]["message"] == "z" * 1024
    assert "away, trying" not in worker.log
    result = await services.ready("result", DATABASE_URL=stores.database_url)
    assert json.loads(await result.text("/api/results"))["total"] == 2_000


async def test_what_a_worker_had_claimed_before_there_was_a_limit_is_put_back(
    small: Client,
) -> None:
    claimed = [*votes(1_000), *[b"x" * LONG] * 700, *votes(1_000), *HUGE, *votes(100)]
    await fill(small, keys.claimed("dead"), claimed)
    await small.rpush(keys.VOTES, b"last")
    await small.sadd(keys.WORKERS, "dead")
    filled = await peak(small)
    session = queue.Session(small, small, "alive")
    await session.sign_on({})
    assert await session.reap() == {"dead": len(claimed)}
    assert await peak(small) - filled < SPARE
    assert not await small.exists(keys.claimed("dead"))
    assert await small.smembers(keys.WORKERS) == {b"alive"}
    expected = [*claimed, b"last"]
    for first in range(0, len(expected), 100):
        assert await small.lrange(keys.VOTES, first, first + 99) == expected[first : first + 100]
