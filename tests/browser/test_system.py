"""Both pages and everything between them: what visitors see on a good and on a bad day."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from playwright.async_api import Route, expect

from tests import service
from tests.browser.conftest import Arrive
from tests.browser.system import System
from tests.browser.visitor import DESKTOP, Visitor

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.xdist_group("system")]

SOON = 6_000  # ms; a fault is on the strip after 4 s
BACK = 20_000  # ms for a server to start again, and for everyone to notice


@pytest_asyncio.fixture(loop_scope="package")
async def wall(running: System, arrive: Arrive) -> Visitor:
    """A result page where all is well."""
    wall = await arrive(running.result.url, viewport=DESKTOP)
    await expect(wall.health).to_have_text("All is well", timeout=BACK)
    return wall


async def test_a_vote_is_on_the_wall_and_can_be_changed(
    running: System, arrive: Arrive, wall: Visitor
) -> None:
    phone = await arrive(running.vote.url)
    await phone.vote("a")
    share = wall.page.locator(".side[data-id=a] .share").first
    await expect(share).to_have_text("100.0%")
    await phone.vote("b")
    await expect(share).to_have_text("0.0%")
    await expect(wall.page.locator("#total")).to_have_text("1 vote")
    await phone.page.reload()
    await expect(phone.option("b")).to_have_attribute("aria-pressed", "true")
    assert await running.tallies() == {"b": 1}


async def test_a_vote_without_javascript(running: System, arrive: Arrive) -> None:
    phone = await arrive(running.vote.url, java_script_enabled=False)
    await phone.vote("a")
    await phone.vote("b")
    await expect(phone.notice).to_contain_text("Your vote for Dogs is in.")
    assert await running.tallies() == {"b": 1}


async def test_the_network_is_cut_for_5_seconds(running: System, arrive: Arrive) -> None:
    """The worst case: each request arrives, and only its answer is lost."""
    phone = await arrive(running.vote.url)
    cut: list[float] = []  # when a request came

    async def lose_answer(route: Route) -> None:
        cut.append(time.monotonic())
        answer = await route.fetch()
        if cut[-1] - cut[0] < 5:
            await route.abort()
        else:
            await route.fulfill(response=answer)

    with phone.network_errors():
        await phone.page.route(running.vote.url, lose_answer)
        await phone.option("a").click()
        await expect(phone.notice).to_contain_text("No answer yet.")
        await expect(phone.option("a")).to_have_attribute("data-mark", "recorded")
    assert 3 <= len(cut) <= 4  # after 0, 1, 3 and 7 s, or a little later
    assert await running.tallies() == {"a": 1}


async def test_a_failover_during_a_vote(running: System, arrive: Arrive) -> None:
    """The vote service answers 503 until Redis is back."""
    phone = await arrive(running.vote.url)
    with phone.network_errors():
        await running.stores.redis.pause()
        async with phone.page.expect_response(lambda response: response.status == 503):
            await phone.option("a").click()
        await expect(phone.notice).to_contain_text("is sent again…")
        await running.stores.redis.resume()
        await expect(phone.option("a")).to_have_attribute("data-mark", "recorded")
    assert await running.tallies() == {"a": 1}


@pytest.mark.extended
async def test_redis_dies_and_is_back(running: System, arrive: Arrive, wall: Visitor) -> None:
    phone = await arrive(running.vote.url)
    with phone.network_errors():
        await running.stores.redis.kill()
        await expect(wall.health).to_contain_text("Redis has been unavailable", timeout=SOON)
        await phone.option("a").click()
        await expect(phone.notice).to_contain_text("Voting pauses.")
        late = await arrive(running.vote.url)
        await expect(late.notice).to_contain_text("Votes cannot be recorded right now.")
        await running.stores.redis.start()
        await expect(late.notice).to_contain_text("Tap your choice.", timeout=BACK)
    await expect(phone.option("a")).to_have_attribute("data-mark", "recorded")
    await expect(wall.health).to_have_text("All is well", timeout=BACK)
    assert await running.tallies() == {"a": 1}


@pytest.mark.extended
async def test_the_worker_dies_and_is_back(running: System, arrive: Arrive, wall: Visitor) -> None:
    await running.worker.kill()
    await expect(wall.health).to_contain_text("No worker is running", timeout=SOON)
    phone = await arrive(running.vote.url)
    await phone.vote("a")
    await expect(wall.health).to_contain_text("1 vote is waiting", timeout=SOON)
    await running.restart("worker")
    await expect(wall.page.locator("#total")).to_have_text("1 vote", timeout=BACK)
    await expect(wall.health).to_have_text("All is well", timeout=BACK)


@pytest.mark.extended  # the strip is tested with each state, and the services with each outage
async def test_postgres_dies_and_is_back(running: System, arrive: Arrive, wall: Visitor) -> None:
    await running.stores.postgres.kill()
    await expect(wall.health).to_contain_text("Postgres has been unavailable", timeout=SOON)
    phone = await arrive(running.vote.url)
    await phone.vote("a")
    await expect(wall.health).to_contain_text("1 vote is waiting for Postgres", timeout=SOON)
    plain = await arrive(running.result.url, java_script_enabled=False)
    await expect(plain.page.locator(".notice")).to_be_visible()
    await running.stores.postgres.start()
    await expect(wall.page.locator("#total")).to_have_text("1 vote", timeout=BACK)
    await expect(wall.health).to_have_text("All is well", timeout=BACK)


@pytest.mark.extended
async def test_the_pages_die_and_are_back(running: System, arrive: Arrive, wall: Visitor) -> None:
    await running.vote.kill()
    await expect(wall.health).to_contain_text("The vote page is unavailable", timeout=SOON)
    with wall.network_errors():
        await running.result.kill()
        await expect(wall.health).to_contain_text("Reconnecting…", timeout=SOON)
        for name in ("result", "vote"):
            await running.restart(name)
        await running.result.ready()
        await running.vote.ready()
        await expect(wall.health).to_have_text("All is well", timeout=BACK)


@pytest.mark.extended  # it waits until no vote can be on its way
async def test_the_result_is_final(running: System, arrive: Arrive) -> None:
    closes_at = datetime.now(UTC) + timedelta(seconds=20)
    environment = running.environment | {"POLL_CLOSES_AT": closes_at.isoformat()}
    port = service.free_port()
    environment |= {"RESULT_URL": f"http://127.0.0.1:{port}/"}
    vote = await running.services.ready("vote", **environment)
    result = await running.services.ready("result", **environment | {"PORT": str(port)})
    try:
        wall = await arrive(result.url)
        phone = await arrive(vote.url)
        await phone.vote("a")
        await expect(phone.notice).to_contain_text("Voting has closed.", timeout=30_000)
        await expect(wall.page.locator("#final")).to_be_visible(timeout=BACK)
        await expect(wall.page.locator("#total")).to_have_text("1 vote")
        await phone.page.get_by_role("link", name="See the result").click()
        await expect(phone.page.locator("#final")).to_be_visible()
        plain = await arrive(vote.url, java_script_enabled=False)
        await expect(plain.page.locator("#closing")).to_have_text(re.compile("Voting closed at"))
        for visitor in (wall, phone):
            await visitor.page.goto("about:blank")
    finally:
        await vote.kill()
        await result.kill()
