"""nginx in front of the replicas: unavailable pages, oversized requests, a large audience."""

import asyncio
import resource
from typing import Never

import aiohttp
import pytest

from tests import until
from tests.e2e.compose.project import Project, docker, request
from tests.e2e.compose.viewers import connect, next_total

pytestmark = pytest.mark.timeout(300)
VIEWERS = 3_000
AT_ONCE = 100  # connections that are opened at the same time
SEEN_WITHIN = 30.0  # seconds


async def test_a_vote_without_an_answer_may_have_been_recorded(system: Project) -> None:
    docker("stop", system.container("vote"))
    try:
        status, text = request(system.vote_url, b"vote=a")
        assert status in {502, 504}
        assert "may have been recorded" in text
        status, text = request(system.vote_url)
        assert status in {502, 504}
        assert "unavailable" in text
    finally:
        docker("start", system.container("vote"))
    await until.true(lambda: request(system.vote_url)[0] == 200, 30)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"x" * 100_000, {}, 413),
        (None, {"Cookie": "x" * 15_000}, 200),
        (None, {"Cookie": "x" * 20_000}, 400),
    ],
)
def test_an_oversized_request_is_rejected(
    system: Project, body: bytes | None, headers: dict[str, str], status: int
) -> None:
    assert request(system.vote_url, body, **headers)[0] == status


def test_a_page_may_vote_only_on_its_own_host(system: Project) -> None:
    """The check of the origin needs the host and the port that the browser asked for."""
    for origin, status in (("http://poll.example:8443", 422), ("http://poll.example", 403)):
        headers = {"Host": "poll.example:8443", "Origin": origin}
        assert request(system.vote_url, b"vote=unknown", **headers)[0] == status


async def test_an_audience_of_3000_sees_a_vote(system: Project) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    seen: dict[int, int] = {}  # votes by viewer
    slots = asyncio.Semaphore(AT_ONCE)

    async def watch(client: aiohttp.ClientSession, name: int) -> Never:
        async with slots:
            viewer = await connect(client, system.result_url)
            seen[name] = 0
        while True:
            seen[name] = await next_total(viewer)

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client, asyncio.TaskGroup() as tasks:
        viewers = [tasks.create_task(watch(client, name)) for name in range(VIEWERS)]
        await until.true(lambda: len(seen) == VIEWERS, 120, lambda: f"{len(seen)} connected")
        total = await asyncio.to_thread(system.shown) + 1
        assert (await asyncio.to_thread(request, system.vote_url, b"vote=b"))[0] == 200
        await until.true(
            lambda: set(seen.values()) == {total},
            SEEN_WITHIN,
            lambda: f"{list(seen.values()).count(total)} viewers see the vote",
        )
        for viewer in viewers:
            viewer.cancel()
