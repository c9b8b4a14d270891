"""The dead letters of a worker."""

import orjson
import redis.asyncio

from common import keys
from tests import store, until
from tests.integration import working
from worker import drain, queue


async def test_of_one_batch_the_newest_are_kept_and_of_each_its_beginning(
    stores: store.Stores, client: redis.asyncio.Redis
) -> None:
    messages = [
        b"%d%b" % (number, b"x" * 2 * drain.SHOWN_BYTES) for number in range(queue.DEAD_KEPT + 5)
    ]
    await client.rpush(keys.VOTES, *messages)

    async def are_buried() -> bool:
        return bool(await client.exists(keys.DEAD))

    async with working.opened(stores, len(messages)):
        await until.true(are_buried)
    letters = [orjson.loads(letter) for letter in await client.lrange(keys.DEAD, 0, -1)]
    kept = [message[: drain.SHOWN_BYTES].decode() for message in messages[-queue.DEAD_KEPT :]]
    assert [each["message"] for each in letters] == kept[::-1]  # newest first
