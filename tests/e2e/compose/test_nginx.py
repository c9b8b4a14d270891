"""nginx in front of the replicas: unavailable pages, oversized requests, a large audience."""

import asyncio
import resource

import aiohttp
import pytest

from tests import until
from tests.e2e.compose.project import Project, docker, request
from tests.e2e.compose.viewers import connect, sees

pytestmark = pytest.mark.timeout(300)
VIEWERS = 3_000
AT_ONCE = 100  # connections that are opened at the same time
ALL_SERVED_WITHIN = 30.0  # seconds


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


@pytest.mark.parametrize("host", ["poll.example.com", "poll.example.com:8443"])
def test_a_page_may_vote_only_on_its_own_host(system: Project, host: str) -> None:
    """The Origin check needs the host and the port of the request."""
    own, foreign = f"http://{host}", "http://elsewhere.example.com"
    assert request(f"{system.vote_url}/api/votes", b"{}", Host=host, Origin=own)[0] == 422
    assert request(f"{system.vote_url}/api/votes", b"{}", Host=host, Origin=foreign)[0] == 403


@pytest.mark.extended
async def test_an_audience_of_3000_sees_a_vote(system: Project) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    slots = asyncio.Semaphore(AT_ONCE)
    # A few connections more than viewers, because nobody may wait for a free one.
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:

        async def arrive() -> aiohttp.ClientWebSocketResponse:
            async with slots:
                return await connect(client, system.result_url)

        viewers = await asyncio.gather(*(arrive() for _ in range(VIEWERS)))
        total = system.shown() + 1
        async with asyncio.TaskGroup() as group:
            for viewer in viewers:
                group.create_task(sees(viewer, total, ALL_SERVED_WITHIN))
            vote = await client.post(system.vote_url, data={"vote": "b"})
            assert vote.status == 200
