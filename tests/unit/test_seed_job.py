"""The seed job against a small stand-in for the vote and result services."""

import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from seed.__main__ import seed
from seed.options import Options, parse
from seed.retry import SeedError

LOST = 0  # no answer


class System:
    """Counts one vote per cookie. Faults, one status per request, come first."""

    def __init__(self) -> None:
        self.url = ""
        self.votes: dict[str, str] = {}
        self.posts = 0
        self.connections: set[object] = set()  # that votes came on
        self.page_faults: list[int] = []
        self.vote_faults: list[int] = []
        self.is_losing_votes = False
        self.poll = "one"
        self.polls: list[object] = []  # of the votes
        self.next_poll = ""  # after the first page
        self.readiness = [200]
        self.others = Counter[str]()  # what others change at the same time

    async def page(self, request: web.Request) -> web.Response:
        if self.page_faults:
            return web.Response(status=self.page_faults.pop(0))
        response = web.Response(text=f'<main data-poll="{self.poll}">')
        if "voter_id" not in request.cookies:
            response.set_cookie("voter_id", f"voter{time.monotonic_ns()}.signature")
        self.poll = self.next_poll or self.poll
        return response

    async def vote(self, request: web.Request) -> web.Response:
        self.posts += 1
        self.connections.add(request.protocol)
        fault = self.vote_faults.pop(0) if self.vote_faults else 303
        form = await request.post()
        self.polls.append(form["poll"])
        if form["poll"] != self.poll:
            return web.Response(status=409, text='<main data-state="changed">')
        if fault not in (403, 429) and not self.is_losing_votes:
            self.votes[request.cookies["voter_id"]] = str(form["vote"])
        if fault == LOST and request.transport:
            request.transport.abort()
        return web.Response(status=fault or 500, text='<main data-state="closed">')

    async def ready(self, request: web.Request) -> web.Response:
        return web.Response(status=self.readiness.pop(0))

    async def results(self, request: web.Request) -> web.Response:
        counts = Counter(self.votes.values())
        counts.update(self.others if self.posts else {})
        return web.json_response(
            {
                "poll": self.poll,
                "options": [{"id": option, "votes": counts[option]} for option in "abc"],
            }
        )

    def options(self, *arguments: str) -> Options:
        return parse([f"--url={self.url}", "--timeout=5", *arguments])


@pytest.fixture
async def system(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[System]:
    monkeypatch.setattr("seed.verify.SETTLE", 0.1)
    system = System()
    app = web.Application()
    app.router.add_get("/app/", system.page)
    app.router.add_post("/app/", system.vote)
    app.router.add_get("/app/readyz", system.ready)
    app.router.add_get("/app/api/results", system.results)
    async with TestServer(app) as server:
        system.url = str(server.make_url("/app"))
        yield system


async def test_it_casts_and_verifies(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    system.votes["earlier"] = "c"
    assert await seed(system.options("--votes=30", f"--verify={system.url}", "--exact")) == 0
    assert Counter(system.votes.values()) == Counter(a=20, b=10, c=1)
    out = capsys.readouterr().out
    assert "sent 30, acknowledged 30, failed 0, " in out
    assert out.endswith(f"verified: {system.url} grew by exactly a 20, b 10\n")


async def test_a_retried_vote_counts_once(system: System) -> None:
    system.vote_faults = [LOST, 503, LOST, 429, 500]
    assert await seed(system.options("--votes=4", "--concurrency=2")) == 0
    assert system.posts == 9
    assert len(system.votes) == 4


async def test_a_vote_names_the_poll_of_its_page(system: System) -> None:
    system.next_poll = "two"
    assert await seed(system.options("--votes=1")) == 0
    assert system.polls == ["one", "two"]
    assert len(system.votes) == 1


async def test_a_result_of_another_poll_is_an_error(system: System) -> None:
    system.next_poll = "two"
    with pytest.raises(SeedError, match="another poll now: two instead of one"):
        await seed(system.options("--votes=1", f"--verify={system.url}"))


async def test_each_vote_closes_its_connection(system: System) -> None:
    assert await seed(system.options("--votes=9", "--concurrency=2")) == 0
    assert len(system.connections) == 9


async def test_a_page_without_a_cookie_is_loaded_again(system: System) -> None:
    system.page_faults = [503, 200]
    assert await seed(system.options("--votes=1")) == 0
    assert (system.posts, len(system.votes)) == (1, 1)


async def test_a_refused_vote_is_not_retried(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    system.vote_faults = [403, 403]
    assert await seed(system.options("--votes=3", "--split=1", f"--verify={system.url}")) == 1
    assert system.posts == 3
    out = capsys.readouterr().out
    assert "sent 3, acknowledged 1, failed 2, " in out
    assert out.endswith("  2 failed: vote a: status 403 (closed)\n")


async def test_it_gives_up_when_no_vote_is_acknowledged(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    system.vote_faults = [429] * 1000
    options = system.options("--votes=900", "--concurrency=3", "--timeout=0.3")
    assert await seed(options) == 1
    assert "acknowledged 0, failed 900, " in capsys.readouterr().out
    assert system.posts < 50


async def test_others_may_vote_and_change_their_votes(system: System) -> None:
    system.others = Counter(a=-1, c=2)
    assert await seed(system.options("--votes=3", f"--verify={system.url}")) == 0


async def test_exactness_finds_the_votes_of_others(system: System) -> None:
    system.others = Counter(c=1)
    with pytest.raises(SeedError, match=r"grew by .* instead of a 2, b 1"):
        await seed(system.options("--votes=3", f"--verify={system.url}", "--exact"))


async def test_growth_by_less_is_an_error(system: System) -> None:
    system.is_losing_votes = True
    options = system.options("--votes=3", f"--verify={system.url}", "--timeout=0.5")
    with pytest.raises(SeedError, match=r"grew by a 0, b 0, c 0 instead of a 2, b 1"):
        await seed(options)


async def test_it_waits_until_the_vote_service_is_ready(system: System) -> None:
    system.readiness = [503, 200]
    assert await seed(system.options("--votes=1")) == 0
    assert not system.readiness


async def test_a_vote_service_that_is_never_ready_is_an_error(system: System) -> None:
    system.readiness = [503] * 100
    with pytest.raises(SeedError, match="/readyz"):
        await seed(system.options("--votes=1", "--timeout=2"))
    assert system.posts == 0


async def test_the_rate_is_limited(system: System) -> None:
    began = time.monotonic()
    assert await seed(system.options("--votes=6", "--rate=20")) == 0
    assert time.monotonic() - began >= 5 / 20
