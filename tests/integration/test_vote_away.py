"""Vote while Redis is away: never a pretended success, and well again by itself."""

import asyncio
import re

import pytest
import redis.asyncio

from tests import store, until
from tests.integration import visitor

Client = redis.asyncio.Redis
Visitor = visitor.Visitor
AWAY = "Votes cannot be taken right now."


def notice(page: visitor.Answer) -> str:
    return re.sub("</?bdi>", "", page.text.partition('role="status"')[2].partition("</p>")[0])


async def refusals(guest: Visitor) -> set[str]:
    """Votes in all ways, none of which is taken: "not_taken", or "unsure" where it may be.

    Each says the one or the other, and what follows from it.
    """
    answer, *forms = await asyncio.gather(
        guest.send("POST", "/api/votes", json={"vote": "b"}),
        *(guest.vote("b", headers=headers) for headers in visitor.WAYS),
    )
    reasons = [answer.json["reason"]]
    told = {"not_taken": "NOT taken", "unsure": "may have been taken"}
    assert told[reasons[0]] in answer.json["detail"]
    told = {"not_taken": "was not taken", "unsure": "may not have been taken"}
    for form in forms:
        said = notice(form)
        reasons += [each for each in told if f"our vote for Dogs {told[each]}" in said]
        assert form.pressed != "b"
    for each in (answer, *forms):
        assert (each.status, each.headers["retry-after"]) == (503, "2")
    assert len(reasons) == 1 + len(forms)
    return set(reasons)


async def rejected(client: Client) -> int:
    """How many pushes Redis has refused."""
    return int((await client.info("commandstats"))["cmdstat_rpush"]["rejected_calls"])


async def unready(guest: Visitor) -> bool:
    answer = await guest.get("/readyz")
    assert answer.status == 200 or answer.json["dependencies"]["redis"]["reason"]
    return answer.status == 503


async def ready(guest: Visitor) -> bool:
    return (await guest.get("/readyz")).status == 200


@pytest.mark.parametrize("how", ["stop", "pause"])
async def test_redis_goes_and_comes_back(
    guest: Visitor, client: Client, stores: store.Stores, how: str
) -> None:
    await guest.vote("a")
    unsure = how == "pause"  # it has the push, and does it when it goes on
    await getattr(stores.redis, how)()
    if how == "stop":  # noticed: a push into a connection that is cut meanwhile is unsure as well
        await until.true(lambda: unready(guest))
    # Sure is also what was to go by a connection that could not be made.
    assert await refusals(guest) - {"not_taken"} == ({"unsure"} if unsure else set())
    page = await guest.get()
    # What was acknowledged before, as long as it is sure that it still holds.
    assert (page.status, page.pressed) == (200, None if unsure else "a")
    assert await unready(guest)
    assert AWAY in notice(await guest.get())
    assert (await guest.get("/healthz")).status == 200
    await (stores.redis.start() if how == "stop" else stores.redis.resume())
    await until.true(lambda: ready(guest))
    assert AWAY not in notice(await guest.get())
    assert (await guest.vote("b")).status == 303
    cast = await visitor.ballots(client)
    assert (cast[0]["vote"], cast[-1]["vote"]) == ("a", "b")
    assert len({each["voter_id"] for each in cast}) == 1
    # What Redis got before the pause may still happen after it. After a stop it cannot.
    assert len(cast) == 2 or how == "pause"
    metrics = (await guest.get("/metrics")).text
    assert 'vote_ballots_accepted_total{option="b"} 1.0' in metrics
    counted = re.findall(r'vote_ballots_refused_total\{reason="(\w+)"\} (\d+)', metrics)
    assert sum(int(count) for _, count in counted) == 3
    assert ("unsure" in dict(counted)) == unsure


async def test_who_votes_for_the_first_time_while_redis_hangs_counts_once(
    guest: Visitor, client: Client, stores: store.Stores
) -> None:
    await guest.get("/readyz")  # the secret is agreed on
    await stores.redis.pause()
    assert (await guest.vote("a")).status == 503
    await stores.redis.resume()
    await until.true(lambda: ready(guest))
    assert (await guest.vote("b")).status == 303
    assert len({each["voter_id"] for each in await visitor.ballots(client)}) == 1


async def test_it_loses_all_its_data(guest: Visitor, client: Client) -> None:
    await guest.vote("a")
    (before,) = await visitor.ballots(client)
    await client.flushall()
    assert (await guest.vote("b")).status == 303
    (after,) = await visitor.ballots(client)
    assert after["voter_id"] == before["voter_id"]


async def test_it_refuses_to_write(guest: Visitor, client: Client, stores: store.Stores) -> None:
    """As a Redis does that is full, or a replica for the moment."""
    async with store.full(client):
        assert await refusals(guest) == {"not_taken"}
        assert await visitor.ballots(client) == []
        before = await rejected(client)
        await guest.vote("a")
        assert await rejected(client) == before + 1  # it was asked once
    assert (await guest.vote("a")).status == 303
