"""A worker's injected faults, one by one. tests/process/test_faults.py has them under load."""

from redis.asyncio import Redis

from common.faults import Faults, create
from common.queue import keys
from common.replica import Heartbeat
from worker.faults import FaultySession, add_faults


async def test_a_paused_worker_says_so_and_claims_nothing(client: Redis) -> None:
    faults = Faults(client, "worker", "w1")
    session = FaultySession(faults, client, "w1-1", "w1")
    await session.register()
    await client.rpush(keys.VOTES, b"1")
    faults.current = [create("worker-pause")]
    heartbeat = add_faults(Heartbeat(), faults)
    assert (heartbeat.state, heartbeat.faults) == ("paused", ["pause"])
    assert await session.claim(10) == []
    faults.current = []
    assert add_faults(Heartbeat(), faults) == Heartbeat()
    assert await session.claim(10) == [b"1"]
