"""Vote as a process: replicas, the end, and what it says when it cannot start."""

import asyncio
import json
import socket
import time

import redis.asyncio

from common import connection, keys
from tests import service, store, until
from tests.integration import account, line, visitor
from tests.process import voters
from vote import voter

Client = redis.asyncio.Redis
STOP_WITHIN = 10.0  # seconds


async def test_replicas_agree_on_a_secret(
    stores: store.Stores, services: service.Services, client: Client
) -> None:
    replicas = await asyncio.gather(
        *(services.ready("vote", **stores.environment) for _ in range(2))
    )
    cookie = ""
    for replica in (*replicas, replicas[0]):
        async with visitor.opened(replica.url) as guest:
            if cookie:
                guest.has_cookie(voter.COOKIE, cookie)
            assert (await guest.vote("a")).status == 303
            cookie = guest.cookies[voter.COOKIE]
    cast = await visitor.ballots(client)
    assert len(cast) == 3
    assert len({each["voter_id"] for each in cast}) == 1


async def test_the_document_of_the_api_is_made_when_it_is_asked_for(
    stores: store.Stores, services: service.Services
) -> None:
    vote = await services.ready("vote", **stores.environment)
    document = json.loads(await vote.text("/openapi.json"))
    fields = document["paths"]["/api/votes"]["post"]["requestBody"]["content"]["application/json"]
    assert fields["schema"]["required"] == ["vote"]


async def test_told_to_stop_under_load_it_has_pushed_all_that_it_acknowledged(
    stores: store.Stores, services: service.Services, client: Client
) -> None:
    vote = await services.ready("vote", **stores.environment)
    people = voters.Voters(vote.url)
    async with people.voting():
        await people.more(300)
        started = time.monotonic()
        assert await vote.terminate() == 0
        assert time.monotonic() - started < STOP_WITHIN
    queued = {each["voter_id"]: each["vote"] for each in await visitor.ballots(client)}
    assert {voter_id: queued.get(voter_id) for voter_id in people.acknowledged} == (
        people.acknowledged
    )


async def test_told_to_stop_with_half_a_vote_it_neither_waits_for_the_rest_nor_complains(
    stores: store.Stores, services: service.Services
) -> None:
    vote = await services.ready("vote", **stores.environment)
    async with line.opened(vote.url) as slow, line.opened(vote.url) as asked:
        slow.say(line.vote("a")[:-1])
        asked.say(line.GET)  # once this is answered, that has come too
        assert (await asked.answer()).status == 200
        started = time.monotonic()
        assert await vote.terminate() == 0
        assert time.monotonic() - started < connection.REST_TIMEOUT + 2
        assert await slow.is_over()
    assert "Traceback" not in vote.log


async def test_told_to_stop_while_redis_hangs_it_ends_in_time(
    stores: store.Stores, services: service.Services
) -> None:
    vote = await services.ready("vote", **stores.environment)
    await stores.redis.pause()
    async with visitor.opened(vote.url) as guest:
        voting = asyncio.create_task(guest.vote("a"))
        await asyncio.sleep(0.1)  # on its way
        started = time.monotonic()
        assert await vote.terminate() == 0
        assert time.monotonic() - started < STOP_WITHIN
        assert (await voting).status == 503


async def test_it_starts_before_redis_and_is_ready_after_it(
    stores: store.Stores, services: service.Services
) -> None:
    await stores.redis.stop()
    vote = services.start("vote", LOG_FORMAT="json", **stores.environment)

    async def serves() -> bool:
        return await vote.get("/healthz") == 200

    await until.true(serves, 20, lambda: vote.log)
    assert await vote.get("/readyz") == 503
    async with visitor.opened(vote.url) as guest:
        answer = await guest.vote("a")
        assert answer.status == 503
        assert "was not taken" in answer.text
        assert voter.COOKIE not in guest.cookies  # nothing to sign it with yet
        await stores.redis.start()
        await vote.ready()
        assert (await guest.vote("a")).status == 303
    assert '"event":"reached"' in vote.log


async def test_a_port_in_use_is_named(services: service.Services) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        vote = services.start("vote", PORT=str(port), REDIS_URL="redis://127.0.0.1:1")
        assert await vote.ended() == 2
    assert vote.log == f"port {port} is in use: choose another one by PORT\n"


async def test_wrong_settings_are_told_all_at_once(services: service.Services) -> None:
    vote = services.start(
        "vote",
        OPTION_A="Tea",
        OPTION_B="tea ",
        POLL_CLOSES_AT="2026-11-24T20:00",
        REDIS_URL="http://redis",
        COOKIE_SECRET="short",
        LOG_LEVEL="loud",
    )
    assert await vote.ended() == 2
    lines = sorted(vote.log.splitlines())
    assert [line.split(" ")[1] for line in lines] == [
        "COOKIE_SECRET:",
        "LOG_LEVEL:",
        "OPTION_B",
        "POLL_CLOSES_AT:",
        "REDIS_URL:",
    ]
    assert all(line.startswith("settings: ") for line in lines)
    assert "short" not in vote.log  # a secret is not told


async def test_refused_credentials_end_it(
    stores: store.Stores, services: service.Services, client: Client
) -> None:
    async with account.opened(client, "~*", "+@all") as user:
        wrong = services.start(
            "vote", **stores.environment, **user | {"REDIS_PASSWORD": "not right"}
        )
        right = services.start("vote", **stores.environment, **user)
        assert await wrong.ended() == 2
        (line,) = wrong.log.splitlines()
        assert "refuses the credentials" in line
        assert "REDIS_PASSWORD" in line
        assert "not right" not in line
        await right.ready()
        assert await client.exists(keys.COOKIE_SECRET)
        assert await right.terminate() == 0


async def test_a_password_that_is_missing_is_told_in_plain_words(
    stores: store.Stores, services: service.Services, client: Client
) -> None:
    await client.config_set("requirepass", "wanted")
    try:
        vote = services.start("vote", **stores.environment)
        assert await vote.ended() == 2
        assert "refuses the credentials (it asks for a password, and none is given)" in vote.log
    finally:
        await client.config_set("requirepass", "")
