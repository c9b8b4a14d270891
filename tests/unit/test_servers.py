"""What the system page shows of the servers of a replicated store."""

from result.servers import Replication, Servers


async def test_a_single_server_is_not_shown() -> None:
    replication = Replication()
    assert await replication.describe(None) is None
    assert await replication.describe(Servers("10.0.0.1", 0)) is None
    assert await replication.describe(Servers(None, 2)) is None


async def test_a_failover_is_shown_with_its_time() -> None:
    replication = Replication()
    before = await replication.describe(Servers("redis-0.redis-pods.dev.svc.", 2))
    assert before == {"primary": "redis-0", "since": None, "replicas": 2}
    after = await replication.describe(Servers("redis-1.redis-pods.dev.svc.", 0))
    assert after is not None
    assert (after["primary"], after["replicas"]) == ("redis-1", 0)
    assert after["since"]
    assert await replication.describe(Servers("redis-1.redis-pods.dev.svc.", 2)) == after | {
        "replicas": 2
    }


async def test_an_address_is_shown_by_its_name() -> None:
    shown = await Replication().describe(Servers("127.0.0.1", 1))
    assert shown is not None
    assert shown["primary"] == "localhost"


async def test_an_address_without_a_name_stays() -> None:
    shown = await Replication().describe(Servers("192.0.2.1", 1))  # RFC 5737: nobody has it
    assert shown is not None
    assert shown["primary"] == "192.0.2.1"
