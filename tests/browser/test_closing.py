"""A poll that closes while people look at it."""

import datetime
import re

import aiohttp
import pytest
from playwright.async_api import Route, expect

from tests.browser import system, visitor
from tests.browser.conftest import Arrive, Ask

pytestmark = pytest.mark.asyncio(loop_scope="package")

OPEN_FOR = 20.0  # seconds, in which the services start and the visitors come and vote
PAST = "2020-01-01T12:00:00+00:00"
AFTER = int(OPEN_FOR + 15) * 1000  # ms


def in_seconds(seconds: float) -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds)


async def test_poll_closes_while_the_pages_are_open(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    closes_at = in_seconds(OPEN_FOR)
    vote, result = await ask(POLL_CLOSES_AT=closes_at.isoformat())
    wall = await arrive(result.url, viewport=visitor.DESKTOP)
    voter = await arrive(vote.url)
    looker = await arrive(vote.url)
    for page in (wall.page, voter.page):
        await expect(page.locator("#closing")).to_have_text(
            re.compile(r"^Voting closes in 0:\d\d$")
        )
    await expect(voter.page.locator("#result")).to_be_hidden()
    await voter.cast("a")
    await voter.look("vote-countdown", schemes=["light"], screens=["phone"])
    await wall.look("result-countdown", schemes=["dark"], screens=["desktop"])
    # The last votes arrive while the worker is away.
    await expect(wall.page.locator("#total")).to_have_text("1 vote")
    await running.worker.kill()
    late = await arrive(vote.url)
    await late.cast("a")
    assert datetime.datetime.now(datetime.UTC) < closes_at, "this machine is too slow"

    closed = re.compile(r"^Voting closed at ")
    await expect(wall.page.locator("#closing")).to_have_text(closed, timeout=AFTER)
    for page in (voter.page, looker.page):
        await expect(page.locator("#closing")).to_have_text(closed)
    await expect(voter.page.locator("#notice")).to_have_text(
        "Voting has closed. Your vote for Cats is in."
    )
    await expect(looker.page.locator("#notice")).to_have_text("Voting has closed.")
    for each in (voter, looker):
        for option in "ab":
            await expect(each.option(option)).to_be_disabled()
    await voter.look("vote-closed-with")
    await looker.look("vote-closed", schemes=["light"])
    # Not final: a vote that was taken is not counted yet.
    await expect(wall.page.locator("#total")).to_have_text("The last vote is being counted")
    await expect(wall.page.locator("#final")).to_be_hidden()
    await expect(wall.page.locator(".invite")).to_be_hidden()
    await wall.look("result-closing", schemes=["light"], screens=["desktop"])
    assert '"final":false' in await result.text("/api/results")

    await running.restart_worker()
    await expect(wall.page.locator("#final")).to_be_visible(timeout=AFTER)
    await expect(wall.page.locator("#total")).to_have_text("2 votes")
    await expect(wall.page.locator(".layer.over .verdict").first).to_have_text("Winner")
    await expect(wall.page.locator("#announcer")).to_have_text(
        "Final result · Cats 100.0% · Dogs 0.0% · 2 votes",
        timeout=12_000,  # the count may have been told before it was final
    )
    await wall.look("result-final")
    assert '"final":true' in await result.text("/api/results")
    await voter.page.get_by_role("link", name="See the result").click()
    await expect(voter.page.locator("#final")).to_be_visible()
    # Who comes afterwards sees the same at once, with and without JavaScript.
    for script in (True, False):
        guest = await arrive(result.url, java_script_enabled=script)
        await expect(guest.page.locator("#final")).to_be_visible()
        await expect(guest.page.locator("#total")).to_have_text("2 votes")


async def test_back_on_a_page_that_the_browser_has_kept_the_countdown_is_right(
    arrive: Arrive, ask: Ask
) -> None:
    vote, result = await ask(POLL_CLOSES_AT=in_seconds(3000).isoformat())
    phone = await arrive()

    async def ten_minutes_old(route: Route) -> None:
        if route.request.resource_type != "document":
            await route.continue_()
            return
        answer = await route.fetch()
        html = re.sub(
            r'data-now="(\d+)"',
            lambda now: f'data-now="{int(now[1]) - 600_000}"',
            await answer.text(),
        )
        await route.fulfill(response=answer, body=html)

    await phone.page.route(f"{vote.url}/", ten_minutes_old)
    await phone.open(vote.url)
    closing = phone.page.locator("#closing")
    await expect(closing).to_have_text(re.compile(r"^Voting closes in (59:\d\d|1:00:00)$"))
    await phone.open(result.url)
    await phone.page.go_back()
    await expect(closing).to_have_text(re.compile(r"^Voting closes in (49:\d\d|50:00)$"))


async def test_vote_that_comes_too_late(running: system.System, arrive: Arrive) -> None:
    """On a page that does not know better: it was open when the closing time was set."""
    vote = await running.services.ready("vote", **running.environment)
    phone = await arrive(vote.url)
    plain = await arrive(vote.url, java_script_enabled=False)
    with phone.network_errors(), plain.network_errors():
        await vote.kill()
        vote = await running.services.ready(
            "vote", **running.environment, PORT=str(vote.port), POLL_CLOSES_AT=PAST
        )
        await phone.option("b").click()
        await expect(phone.page.locator("#notice")).to_have_text(
            "Voting has closed. Your vote for Dogs came too late."
        )
        await expect(phone.option("b")).to_have_attribute("data-mark", "failed")
        await phone.look("vote-too-late", schemes=["light"])
        async with plain.page.expect_response(vote.url + "/") as answer:
            await plain.option("b").click()
        assert (await answer.value).status == 403
        await expect(plain.page.locator("#notice")).to_have_text(
            "Voting has closed. Your vote for Dogs came too late."
        )
        await expect(plain.option("b")).to_be_disabled()
        await plain.page.screenshot(path=visitor.SCREENSHOTS / "vote-too-late-no-javascript.png")
    async with (
        aiohttp.ClientSession() as client,
        client.post(vote.url + "/api/votes", json={"vote": "a"}) as refused,
    ):
        assert refused.status == 403
        assert await refused.json() == {"reason": "closed", "detail": "the poll is closed"}
    await vote.kill()
    await running.drained()
    assert await running.tallies() == {}
