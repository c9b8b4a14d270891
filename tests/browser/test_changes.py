"""Pages that are open while the poll becomes another one."""

import contextlib
import datetime
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import expect

from tests.browser import system, visitor
from tests.browser.conftest import Arrive, Ask

pytestmark = pytest.mark.asyncio(loop_scope="package")

SOON = 8_000  # ms: what looks at a poll is loaded anew within 2 s, and this machine may be busy
CHANGED = "Not taken: the poll has changed. Choose one of these."
PAST = "2020-01-01T12:00:00+00:00"


def in_an_hour() -> str:
    return (datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)).isoformat()


@contextlib.asynccontextmanager
async def changed(
    running: system.System, pair: system.Pair, **settings: str
) -> AsyncIterator[None]:
    """In this block both services run with other settings, at the same ports."""
    vote, result = pair
    environment = running.environment | {"VOTE_URL": vote.url} | settings
    for each in pair:
        await each.kill()
    new_vote = await running.services.ready("vote", **environment, PORT=str(vote.port))
    new_result = await running.services.ready("result", **environment, PORT=str(result.port))
    try:
        yield
    finally:
        await new_vote.kill()
        await new_result.kill()


async def look_again(phone: visitor.Visitor) -> None:
    """Comes back to the page, from another tab or the lock screen."""
    await phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


async def test_a_closed_poll_that_is_open_for_longer(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    pair = await ask(POLL_CLOSES_AT=PAST)
    vote, result = pair
    phone = await arrive(vote.url)
    wall = await arrive(result.url, viewport=visitor.DESKTOP)
    await expect(wall.page.locator("#final")).to_be_visible(timeout=SOON)
    await expect(phone.option("a")).to_be_disabled()
    with phone.network_errors(to_the_end=True), wall.network_errors(to_the_end=True):
        async with changed(running, pair, POLL_CLOSES_AT=in_an_hour()):
            await expect(wall.page.locator("#closing")).to_contain_text("closes in", timeout=SOON)
            await expect(wall.page.locator("#final")).to_be_hidden()
            await look_again(phone)
            await phone.cast("a")
            await expect(wall.page.locator("#total")).to_have_text("1 vote")


async def test_a_poll_that_closes_earlier(running: system.System, arrive: Arrive, ask: Ask) -> None:
    pair = await ask(POLL_CLOSES_AT=in_an_hour())
    vote, result = pair
    phone = await arrive(vote.url)
    wall = await arrive(result.url, viewport=visitor.DESKTOP)
    closing = phone.page.locator("#closing")
    await expect(closing).to_contain_text("closes in")
    with phone.network_errors(to_the_end=True), wall.network_errors(to_the_end=True):
        async with changed(running, pair, POLL_CLOSES_AT=PAST):
            await expect(wall.page.locator("#final")).to_be_visible(timeout=SOON)
            await phone.option("a").click()
            await expect(phone.page.locator("#notice")).to_have_text(
                "Voting has closed. Your vote for Cats came too late."
            )
            await expect(closing).to_have_text("")  # what it counted down to is not so
            for _ in range(2):  # the second is answered once the first was looked at
                async with phone.page.expect_response(vote.url + "/"):
                    await look_again(phone)
            await expect(phone.page.locator("#notice")).to_have_text(
                "Voting has closed. Your vote for Cats came too late."
            )
        async with changed(running, pair, POLL_CLOSES_AT=in_an_hour()):
            await look_again(phone)
            await expect(phone.option("a")).to_be_enabled(timeout=SOON)


async def test_a_vote_in_doubt_when_the_poll_is_open_for_longer(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    pair = await ask()
    phone = await arrive(pair[0].url)
    notice = phone.page.locator("#notice")
    no_answer = (
        "No answer: your vote for Cats may not have been taken. Try again, it counts only once."
    )
    await phone.cast("b")
    with phone.network_errors(to_the_end=True):
        await phone.page.route("**/api/votes", lambda route: route.abort())
        await phone.option("a").click()
        await expect(notice).to_have_text(no_answer)
        await phone.page.unroute("**/api/votes")
        async with changed(running, pair, POLL_CLOSES_AT=PAST):
            await phone.page.get_by_role("button", name="Try again").click()
            await expect(notice).to_contain_text("Voting has closed. No answer:")
            for _ in range(2):
                async with phone.page.expect_response(pair[0].url + "/"):
                    await look_again(phone)
            await expect(notice).to_contain_text("Voting has closed. No answer:")
        async with changed(running, pair, POLL_CLOSES_AT=in_an_hour()):
            await look_again(phone)
            await expect(phone.option("a")).to_be_enabled(timeout=SOON)
            await expect(notice).to_have_text(no_answer)
            await expect(phone.page.locator("[aria-pressed=true]")).to_have_count(0)
            await phone.look("vote-open-for-longer", screens=["phone", "desktop"])
            await phone.page.get_by_role("button", name="Try again").click()
            await expect(phone.option("a")).to_have_attribute("data-mark", "taken")
            await running.drained()
            assert await running.tallies() == {"a": 1}


async def test_other_options(running: system.System, arrive: Arrive, ask: Ask) -> None:
    pair = await ask(OPTION_A="Tea", OPTION_B="Coffee")
    vote, result = pair
    phone = await arrive(vote.url)
    plain = await arrive(vote.url, java_script_enabled=False)
    wall = await arrive(result.url, viewport=visitor.DESKTOP)
    await expect(wall.page.locator("h1")).to_have_text("Tea vs Coffee!")
    with (
        phone.network_errors(to_the_end=True),
        plain.network_errors(to_the_end=True),
        wall.network_errors(to_the_end=True),
    ):
        async with changed(running, pair, OPTION_A="Beer", OPTION_B="Wine"):
            await expect(wall.page.locator("h1")).to_have_text("Beer vs Wine!", timeout=SOON)
            await phone.option("a").click()
            await expect(phone.page.locator("h1")).to_have_text("Beer vs Wine!")
            await expect(phone.page.locator("#notice")).to_have_text(CHANGED)
            await phone.look("vote-changed")
            await phone.page.reload()  # it is said once
            await expect(phone.page.locator("#notice")).to_have_text(
                "Tap your choice. You can change it later."
            )
            async with plain.page.expect_response(vote.url + "/") as answer:
                await plain.option("a").click()
            assert (await answer.value).status == 409
            await expect(plain.page.locator("#notice")).to_have_text(CHANGED)
            await running.drained()
            assert await running.tallies() == {}
            await plain.option("b").click()
            await expect(plain.option("b")).to_have_attribute("data-mark", "taken")
            await phone.cast("a")
            await running.drained()
            assert await running.tallies() == {"a": 1, "b": 1}


async def test_other_options_while_the_page_cannot_be_loaded(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    pair = await ask(OPTION_A="Tea", OPTION_B="Coffee")
    phone = await arrive(pair[0].url)
    notice = phone.page.locator("#notice")
    with phone.network_errors(to_the_end=True):
        async with changed(running, pair, OPTION_A="Beer", OPTION_B="Wine"):
            page = f"{pair[0].url}/"
            await phone.page.route(page, lambda route: route.abort())
            for again in (phone.option("a"), phone.page.get_by_role("button", name="Try again")):
                async with phone.page.expect_response("**/api/votes") as answer:
                    await again.click()
                assert (await answer.value).status == 409
                await expect(notice).to_have_text(
                    "Not taken: the poll has changed. "
                    "The new page cannot be loaded right now: try again."
                )
                await expect(phone.option("a")).to_have_attribute("data-mark", "failed")
            await phone.look("vote-outdated", screens=["phone", "desktop"], axe=False)
            await phone.page.unroute(page)
            await expect(phone.page.locator("h1")).to_have_text("Beer vs Wine!", timeout=SOON)
            await expect(notice).to_have_text(CHANGED)


async def test_other_options_that_are_taken_back(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    """Before the page could be loaded: it is that of the poll again."""
    pair = await ask(OPTION_A="Tea", OPTION_B="Coffee")
    phone = await arrive(pair[0].url)
    notice = phone.page.locator("#notice")
    page = f"{pair[0].url}/"
    with phone.network_errors(to_the_end=True):
        async with changed(running, pair, OPTION_A="Beer", OPTION_B="Wine"):
            await phone.page.route(page, lambda route: route.abort())
            await phone.option("a").click()
            await expect(notice).to_contain_text("The new page cannot be loaded")
        async with changed(running, pair, OPTION_A="Tea", OPTION_B="Coffee"):
            await phone.page.unroute(page)
            await expect(notice).to_have_text("Your vote for Tea was not taken.", timeout=SOON)
            await phone.page.get_by_role("button", name="Try again").click()
            await expect(notice).to_contain_text("Your vote for Tea is in.")


async def test_a_choice_among_other_options_is_none_of_these(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    """Its letter has another name by now."""
    pair = await ask(OPTION_A="Tea", OPTION_B="Coffee")
    phone = await arrive(pair[0].url)
    await phone.cast("a")
    with phone.network_errors(to_the_end=True):
        async with changed(running, pair, OPTION_A="Beer", OPTION_B="Wine"):
            await phone.option("b").click()
            await expect(phone.page.locator("h1")).to_have_text("Beer vs Wine!", timeout=SOON)
            await expect(phone.page.locator("#notice")).to_have_text(CHANGED)
            await expect(phone.page.locator("[aria-pressed=true]")).to_have_count(0)
            await expect(phone.page.locator("[data-mark]")).to_have_count(0)
            await phone.cast("b")
            await expect(phone.page.locator("#notice")).to_contain_text("Your vote for Wine is in.")
