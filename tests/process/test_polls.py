"""A vote counts for the poll that its voter saw, also if the poll changes while the vote waits."""

import json
from collections import Counter

import aiohttp
import asyncpg
import pytest
import redis.asyncio

from common.queue import keys
from tests import until
from tests.process.voters import Voters
from tests.service import Service, Services
from tests.store import Stores

TEA = {"OPTION_A": "Tea", "OPTION_B": "Coffee"}
PETS = {"OPTION_A": "Cats", "OPTION_B": "Dogs"}
QUEUED, VOTES, AGAIN = 500, 300, 100  # voters; of the 300, so many have voted before
CLASSIC_COUNT = "SELECT vote, COUNT(id) AS count FROM votes GROUP BY vote"


async def vote(url: str, option: str, voters: list[str | None]) -> list[str | None]:
    """Vote once for each cookie, without one as a new voter. Return the cookies."""
    cookies: list[str | None] = []
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        for voter in voters:
            headers = {"Cookie": f"voter_id={voter}"} if voter else {}
            async with client.post(
                url, data={"vote": option}, headers=headers, allow_redirects=False
            ) as answer:
                assert answer.status == 303, await answer.text()
                cookies.append(voter or answer.cookies["voter_id"].coded_value)
    return cookies


async def shows(result: Service, **votes: int) -> None:
    """Wait until the result page shows that many votes."""
    shown: dict[str, int] = {}

    async def is_shown() -> bool:
        nonlocal shown
        options = json.loads(await result.text("/api/results"))["options"]
        shown = {each["id"]: each["votes"] for each in options}
        return shown == votes

    await until.true(is_shown, 20, lambda: shown)


async def restart(
    services: Services, stores: Stores, old: Service, poll: dict[str, str]
) -> Service:
    """Restart a page with another poll."""
    await old.terminate()
    service = old.name.partition("-")[0]
    return await services.ready(service, **stores.environment, **poll)


async def test_a_new_poll_begins_empty_and_the_old_one_keeps_its_votes(
    services: Services, stores: Stores
) -> None:
    page = await services.ready("vote", **stores.environment, **PETS)
    before = await vote(page.url, "a", [None] * QUEUED)  # they wait: no worker is running
    page = await restart(services, stores, page, TEA)
    worker = await services.ready("worker", **stores.environment)
    result = await services.ready("result", **stores.environment, **TEA)
    await vote(page.url, "b", [*before[:AGAIN], *[None] * (VOTES - AGAIN)])
    await shows(result, a=0, b=VOTES)
    result = await restart(services, stores, result, PETS)
    await shows(result, a=QUEUED - AGAIN, b=0)
    corrected = PETS | {"OPTION_A": "Cats!"}
    revision = json.loads(await result.text("/api/results"))["poll"]
    result = await restart(services, stores, result, corrected | {"POLL_ID": revision})
    await shows(result, a=QUEUED - AGAIN, b=0)
    assert worker.status is None


async def test_while_both_polls_take_votes_each_counts_its_own(
    services: Services, stores: Stores
) -> None:
    """As in a rolling update. Old and new replicas share the stores and the workers."""
    polls = (PETS, TEA)
    for _ in range(2):
        await services.ready("worker", **stores.environment)
    pages = [await services.ready("vote", **stores.environment, **poll) for poll in polls]
    results = [await services.ready("result", **stores.environment, **poll) for poll in polls]
    people = Voters(*(page.url for page in pages))
    async with people.voting():
        await people.more(600)
    assert not people.refused
    for result in results:
        poll = json.loads(await result.text("/api/results"))["poll"]
        await shows(
            result,
            **Counter(
                vote for voter, vote in people.acknowledged.items() if people.polls[voter] == poll
            ),
        )
    await people.check_stored(stores.database_url)


@pytest.mark.parametrize("poll", [PETS, TEA])
async def test_votes_of_classic_programs_count_in_every_poll(
    services: Services, stores: Stores, poll: dict[str, str]
) -> None:
    """A classic vote page sends no poll, a classic worker stores none, its result counts all."""
    await services.ready("worker", **stores.environment)
    page = await services.ready("vote", **stores.environment, **PETS)
    result = await services.ready("result", **stores.environment, **poll)
    voters = await vote(page.url, "a", [None] * 2)
    ours = 2 if poll is PETS else 0
    await shows(result, a=ours, b=0)
    async with redis.asyncio.Redis.from_url(stores.redis_url) as client:
        await client.rpush(keys.VOTES, '{"voter_id": "5a3f9c8be1d2a7f", "vote": "b"}')
    await shows(result, a=ours, b=1)
    db = await asyncpg.connect(stores.database_url)
    try:
        await db.execute("INSERT INTO votes (id, vote) VALUES ($1, $2)", "classic", "b")
        await shows(result, a=ours, b=2)
        voter = str(voters[0]).partition(".")[0]
        with pytest.raises(asyncpg.UniqueViolationError):
            await db.execute("INSERT INTO votes (id, vote) VALUES ($1, $2)", voter, "b")
        await db.execute("UPDATE votes SET vote = $1 WHERE id = $2", "b", voter)
        await shows(result, a=max(0, ours - 1), b=3)
        assert dict(await db.fetch(CLASSIC_COUNT)) == {"a": 1, "b": 3}
    finally:
        await db.close()
