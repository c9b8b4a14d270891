"""No vote is lost and none counted twice: real processes under load, killed, paused, cut off."""

import asyncio
import contextlib
import functools
import json
import random
import re
import time
from collections.abc import AsyncIterator

import asyncpg
import psutil
import pytest
import redis.asyncio

from common.queue import keys
from common.queue.message import Ballot, Letter, encode
from tests import heartbeats, until
from tests.process.voters import Voters
from tests.service import Service, Services
from tests.store import Server, Stores

Client = redis.asyncio.Redis
WORKERS_DIE = 20  # times
AB: tuple[Letter, ...] = ("a", "b")
AAB: tuple[Letter, ...] = ("a", "a", "b")
ABCZ: tuple[Letter, ...] = ("a", "b", "c", "z")


@pytest.fixture
async def client(stores: Stores) -> AsyncIterator[Client]:
    async with redis.asyncio.Redis.from_url(stores.redis_url) as connected:
        yield connected


@contextlib.asynccontextmanager
async def locked(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """Let every commit of votes hang in Postgres while the block runs."""
    db = await asyncpg.connect(stores.database_url)
    transaction = db.transaction()
    await transaction.start()
    await db.execute("LOCK TABLE votes IN EXCLUSIVE MODE")
    try:
        yield db
    finally:
        await transaction.rollback()
        await db.close()


async def claimed(client: Client, worker: str = "*") -> int:
    names = [name async for name in client.scan_iter(match=keys.claimed(worker))]
    return sum([await client.llen(name) for name in names])


async def hung_commits(db: asyncpg.Connection) -> int:
    count = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'votes'::regclass"
    return int(await db.fetchval(count))


async def push(client: Client, ballots: list[Ballot]) -> None:
    for first in range(0, len(ballots), 5000):
        await client.rpush(keys.VOTES, *[encode(cast) for cast in ballots[first : first + 5000]])


async def stored(database_url: str) -> dict[str, str]:
    db = await asyncpg.connect(database_url)
    try:
        async with db.transaction(isolation="repeatable_read"):
            rows = dict(await db.fetch("SELECT id, vote FROM votes"))
            counted = dict(await db.fetch("SELECT vote, count(*) FROM votes GROUP BY vote"))
            assert dict(await db.fetch("SELECT vote, voters FROM tallies")) == counted
    finally:
        await db.close()
    return rows


async def drained(client: Client) -> None:
    # In one step: between two, a batch could be moved from one list to the other, unseen.
    count = client.register_script("""
        local found = redis.call('LLEN', KEYS[1])
        for _, name in ipairs(redis.call('KEYS', ARGV[1])) do
            found = found + redis.call('LLEN', name)
        end
        return found
    """)

    async def is_empty() -> bool:
        return bool(await count(keys=[keys.VOTES], args=[keys.claimed("*")]) == 0)

    await until.true(is_empty, 60)


async def committed(worker: Service) -> int:
    text = await worker.text("/metrics")
    found = re.search(r"^worker_ballots_committed_total (\S+)$", text, re.MULTILINE)
    assert found
    return int(float(found[1]))


@pytest.mark.extended
@pytest.mark.timeout(240)
async def test_a_worker_killed_in_the_middle_of_a_batch_twenty_times(
    stores: Stores, services: Services, client: Client
) -> None:
    first = await services.ready("worker", **stores.environment)  # makes the table
    await first.terminate()
    cast = [Ballot(f"voter-{n}", AAB[n % 3], 1 + n) for n in range(100_000)]
    await push(client, cast)
    in_hand = 0
    for number in range(WORKERS_DIE):
        # Every other one dies while its commit hangs in Postgres, which does it afterwards.
        hold = locked(stores) if number % 2 else contextlib.nullcontext()
        async with hold as db:
            name = f"doomed-{number}"
            worker = services.start(  # small batches, so that there is enough for all of them
                "tests.worker", f"--name={name}", "--batch-size=500", **stores.environment
            )

            async def has_claimed(name: str = name) -> bool:
                return await claimed(client, f"{name}-*") > 0

            await until.true(has_claimed, 20, name)
            if db is not None:
                await until.true(functools.partial(hung, db))
            await worker.kill()
            in_hand += await has_claimed()
    assert in_hand > WORKERS_DIE // 2
    await services.ready("worker", **stores.environment)
    await drained(client)
    assert await stored(stores.database_url) == {each.voter_id: each.vote for each in cast}


async def test_a_worker_paused_past_its_heartbeat_is_taken_over_and_comes_back(
    stores: Stores, services: Services, client: Client
) -> None:
    paused = await services.ready("tests.worker", "--name=paused", **stores.environment)
    old = [Ballot(f"voter-{n}", "a", 1 + n) for n in range(1000)]
    async with locked(stores) as db:
        await push(client, old)
        await until.true(lambda: hung(db))
        paused.pause()
        other = await services.ready("tests.worker", "--name=other", **stores.environment)

        async def taken_over() -> bool:
            names = await client.smembers(keys.SESSIONS)
            return len(names) == 1 and str(names).find("other") > 0

        await until.true(taken_over, 20)
    await drained(client)
    new = [Ballot(f"voter-{n}", "b", 10_000 + n) for n in range(1000)]
    await push(client, new)
    await drained(client)
    paused.resume()

    async def signed_on_again() -> bool:
        return len(await client.smembers(keys.SESSIONS)) == 2

    await until.true(signed_on_again, 20, lambda: paused.log)
    assert await stored(stores.database_url) == {each.voter_id: "b" for each in new}
    # It works again, alone, and what it had in hand is not claimed for ever.
    assert await other.terminate() == 0
    more = [Ballot(f"more-{n}", "a", 1) for n in range(1000)]
    await push(client, more)
    await drained(client)
    expected = {each.voter_id: each.vote for each in (*new, *more)}
    assert await stored(stores.database_url) == expected


async def hung(db: asyncpg.Connection) -> bool:
    return await hung_commits(db) > 0


@pytest.mark.parametrize("count", [2, pytest.param(4, marks=pytest.mark.extended)])
async def test_several_workers_at_once(
    stores: Stores, services: Services, client: Client, count: int
) -> None:
    # Voters that change their minds over and over, so that the batches have many in common.
    choose = random.Random(count)
    cast = [
        Ballot(f"voter-{choose.randrange(20_000)}", choose.choice(AB), 1 + n)
        for n in range(100_000)
    ]
    newest = {each.voter_id: each.vote for each in cast}
    workers = await asyncio.gather(
        *(
            services.ready("tests.worker", "--batch-size=1000", **stores.environment)
            for _ in range(count)
        )
    )
    await push(client, cast)
    await drained(client)
    assert await stored(stores.database_url) == newest
    shares = [await committed(worker) for worker in workers]
    assert sum(shares) == len(cast)
    assert all(shares), shares
    for worker in workers:
        assert "deadlock" not in worker.log


@pytest.mark.parametrize(
    "how", ["kill", *(pytest.param(how, marks=pytest.mark.extended) for how in ("stop", "pause"))]
)
@pytest.mark.parametrize("which", ["redis", "postgres"])
async def test_a_store_goes_and_comes_back_under_load(
    stores: Stores, services: Services, which: str, how: str
) -> None:
    vote, *workers = await asyncio.gather(
        services.ready("vote", **stores.environment),
        services.ready("worker", **stores.environment),
        services.ready("worker", **stores.environment),
    )
    server: Server = getattr(stores, which)
    people = Voters(vote.url)
    async with people.voting():
        await people.more(200)
        await getattr(server, how)()
        needing = [vote, *workers] if which == "redis" else workers
        for each in needing:
            await until.true(functools.partial(reports, each, which), 20, each.name)
        if which == "postgres":
            await people.more(200)  # vote does not need Postgres
        await (server.resume() if how == "pause" else server.start())
        for each in (vote, *workers):
            await each.ready()
        await people.more(200)
    await people.check_stored(stores.database_url)
    for each in (vote, *workers):
        assert each.status is None
        assert await each.terminate() == 0


async def reports(each: Service, which: str) -> bool:
    """Whether it says that the store is unavailable; a worker is not ready then."""
    expected = 503 if each.name.startswith("worker") else 200
    is_reported = f'"{which}":{{"state":"unavailable"' in await each.text("/readyz")
    return is_reported and await each.get("/readyz") == expected


async def test_vote_and_worker_killed_under_load(stores: Stores, services: Services) -> None:
    votes = [await services.ready("vote", **stores.environment) for _ in range(2)]
    worker = await services.ready("worker", **stores.environment)
    people = Voters(*(vote.url for vote in votes))
    async with people.voting():
        await people.more(200)
        await votes[0].kill()
        await people.more(200)
        await worker.kill()
        await services.ready("vote", **(stores.environment | {"PORT": str(votes[0].port)}))
        await services.ready("worker", **stores.environment)
        await people.more(200)
    assert people.refused > 0
    await people.check_stored(stores.database_url)


async def test_ten_thousand_malformed_messages_among_ten_thousand_good_ones(
    stores: Stores, services: Services, client: Client
) -> None:
    choose = random.Random(1)
    malformed = [
        b"",
        b"\xff\xfe",
        b"{",
        b"[]",
        b"null",
        b'{"vote":"a"}',
        b'{"voter_id":"1","vote":"Z"}',
        b'{"voter_id":"1","vote":"a","cast_at":"now"}',
        b'{"voter_id":"\\u0000","vote":"a"}',
        b'{"voter_id":"' + b"x" * 300 + b'","vote":"a"}',
        b"[" * 4000,
        b"x" * 10_000,
    ]
    good = [Ballot(f"voter-{n}", AB[n % 2], 1 + n) for n in range(10_000)]
    pushed = [encode(each) for each in good]
    pushed += [choose.choice(malformed) for _ in range(10_000)]
    choose.shuffle(pushed)
    worker = await services.ready("worker", **stores.environment)
    for first in range(0, len(pushed), 1000):
        await client.rpush(keys.VOTES, *pushed[first : first + 1000])
    await drained(client)
    assert await stored(stores.database_url) == {each.voter_id: each.vote for each in good}
    assert await client.llen(keys.DEAD) == 1000
    dead = re.findall(
        r"^worker_ballots_dead_total\{.*\} (\S+)$", await worker.text("/metrics"), re.MULTILINE
    )
    assert sum(map(float, dead)) == 10_000


@pytest.mark.parametrize("broken", [[], ["broken"]])
@pytest.mark.extended
async def test_a_vote_for_an_option_that_is_not_offered_is_stored(
    stores: Stores, services: Services, client: Client, broken: list[str]
) -> None:
    """During an update, a new vote page may run before a new worker does."""
    await services.ready("worker", OPTION_A="Tea", OPTION_B="Coffee", **stores.environment)
    cast = [Ballot(f"voter-{option}", option, 1) for option in ABCZ]
    await client.rpush(keys.VOTES, *broken, *map(encode, cast))
    await drained(client)
    assert await stored(stores.database_url) == {each.voter_id: each.vote for each in cast}
    assert await client.llen(keys.DEAD) == len(broken)
    result = await services.ready("result", OPTION_C="Water", **stores.environment)
    assert json.loads(await result.text("/api/results"))["total"] == 3


async def test_a_duplicate_and_an_old_ballot_change_nothing(
    stores: Stores, services: Services, client: Client
) -> None:
    await services.ready("worker", **stores.environment)
    newer, older = Ballot("1", "b", 2000), Ballot("1", "a", 1000)
    for delivered in ([newer], [newer], [older], [older, newer, older]):
        await push(client, delivered)
        await drained(client)
        assert await stored(stores.database_url) == {"1": "b"}


async def test_the_classic_message_is_stored(
    stores: Stores, services: Services, client: Client
) -> None:
    await services.ready("worker", **stores.environment)
    await client.rpush(keys.VOTES, '{"voter_id": "5a3f9c8be1d2a7f", "vote": "b"}')
    await drained(client)
    await client.rpush(keys.VOTES, '{"voter_id": "5a3f9c8be1d2a7f", "vote": "a"}')
    await drained(client)
    assert await stored(stores.database_url) == {"5a3f9c8be1d2a7f": "a"}


async def test_a_worker_that_is_stopped_finishes_or_requeues(
    stores: Stores, services: Services, client: Client
) -> None:
    cast = [Ballot(f"voter-{n}", AB[n % 2], 1 + n) for n in range(50_000)]
    worker = await services.ready("tests.worker", "--batch-size=500", **stores.environment)
    await push(client, cast)
    await until.true(lambda: any_claimed(client))
    assert await worker.terminate() == 0
    assert await claimed(client) == 0
    assert await client.smembers(keys.SESSIONS) == set()
    rows = await stored(stores.database_url)
    left = await client.llen(keys.VOTES)
    assert len(rows) + left == len(cast)
    assert left > 0  # it did not go on to the end of the queue
    await services.ready("worker", **stores.environment)
    await drained(client)
    assert await stored(stores.database_url) == {each.voter_id: each.vote for each in cast}


async def any_claimed(client: Client) -> bool:
    return await claimed(client) > 0


@pytest.mark.extended
async def test_a_worker_that_is_stopped_while_postgres_hangs_requeues(
    stores: Stores, services: Services, client: Client
) -> None:
    worker = await services.ready("worker", **stores.environment)
    async with locked(stores) as db:
        await push(client, [Ballot("1", "a", 1), Ballot("2", "b", 1)])
        await until.true(lambda: hung(db))
        assert await worker.terminate() == 0
        assert await client.llen(keys.VOTES) == 2
        assert await claimed(client) == 0


async def test_a_worker_that_is_stopped_while_postgres_is_unavailable_requeues(
    stores: Stores, services: Services, client: Client
) -> None:
    worker = await services.ready("tests.worker", "--name=waiting", **stores.environment)
    await stores.postgres.stop()
    cast = [Ballot(f"voter-{n}", AB[n % 2], 1 + n) for n in range(10)]
    await push(client, cast)

    async with heartbeats.heard(client) as heard:
        await until.true(
            lambda: any(each.state == "waiting for postgres" for each in heard.values()),
            what=lambda: worker.log,
        )
    assert await worker.terminate() == 0
    assert await client.lrange(keys.VOTES, 0, -1) == [encode(each) for each in cast]
    assert await claimed(client) == 0


@pytest.mark.extended
async def test_fifty_thousand_messages_that_are_no_text_do_not_stop_a_worker(
    stores: Stores, services: Services, client: Client
) -> None:
    """All in one batch, and each costly to show: the heartbeat goes on."""
    for _ in range(10):
        await client.rpush(keys.VOTES, *[b"\xff" * 1024] * 5_000)
    await push(client, [Ballot("1", "a", 1)])
    worker = await services.ready("tests.worker", "--batch-size=50000", **stores.environment)
    await drained(client)
    assert await stored(stores.database_url) == {"1": "a"}
    assert await client.llen(keys.DEAD) == 1000
    metrics = await worker.text("/metrics")
    assert "worker_lease_lost_total 0.0" in metrics
    assert re.search(r"^worker_ballots_dead_total\{.*\} 50000.0$", metrics, re.MULTILINE), metrics


async def test_a_ballot_that_postgres_refuses_becomes_a_dead_letter(
    stores: Stores, services: Services, client: Client
) -> None:
    worker = await services.ready("worker", **stores.environment)
    db = await asyncpg.connect(stores.database_url)
    await db.execute("ALTER TABLE votes ADD CONSTRAINT even CHECK (id NOT LIKE '%7')")
    await db.close()
    cast = [Ballot(f"voter-{n}", "a", 1 + n) for n in range(10)]
    await push(client, [*cast, Ballot("voter-17", "b", 1)])
    await drained(client)
    assert await stored(stores.database_url) == {
        each.voter_id: each.vote for each in cast if each.voter_id != "voter-7"
    }
    letters = [json.loads(letter) for letter in await client.lrange(keys.DEAD, 0, -1)]
    assert [json.loads(letter["message"])["voter_id"] for letter in letters] == [
        "voter-7",
        "voter-17",
    ]
    assert all(letter["reason"].startswith("Postgres refuses it: ") for letter in letters)
    assert "worker_ballots_committed_total 9.0" in await worker.text("/metrics")


@pytest.mark.extended
async def test_an_idle_worker_uses_no_cpu(
    stores: Stores, services: Services, client: Client
) -> None:
    worker = await services.ready("worker", **stores.environment)
    process = psutil.Process(worker.pid)

    def used() -> float:
        times = process.cpu_times()
        return float(times.user + times.system)

    commands = int((await client.info("stats"))["total_commands_processed"])
    before, started = used(), time.monotonic()
    await until.true(lambda: time.monotonic() - started > 3)
    spent = (used() - before) / (time.monotonic() - started)
    assert spent < 0.05, f"{spent:.1%} of a core"
    # A heartbeat and a look for dead workers now and then, no polling of the list.
    commands = int((await client.info("stats"))["total_commands_processed"]) - commands
    assert commands < 100
