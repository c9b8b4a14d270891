"""A tap before the scripts have come: its form is sent, and they run in the page that answers."""

import asyncio

import pytest
from playwright.async_api import Response, Route, expect

from tests import until
from tests.browser import system, visitor
from tests.browser.conftest import Arrive, Ask
from tests.browser.test_changes import PAST, SOON, changed, in_an_hour, look_again

pytestmark = pytest.mark.asyncio(loop_scope="package")

SCRIPTS = "**/vote.*.js"


async def tap(phone: visitor.Visitor, option: str, held: asyncio.Event) -> Response:
    """A tap on a page whose scripts are `held` until then; they run in the one that answers it."""
    async with phone.page.expect_response(
        lambda response: response.request.method == "POST"
    ) as answer:
        await phone.option(option).click(no_wait_after=True)
    held.set()
    await phone.page.wait_for_load_state()
    return await answer.value


async def open_without_scripts(phone: visitor.Visitor, url: str) -> asyncio.Event:
    """Opens the vote page, whose scripts come once the event is set."""
    come = asyncio.Event()

    async def hold(script: Route) -> None:
        await come.wait()
        await script.continue_()

    await phone.page.route(SCRIPTS, hold)
    await phone.page.goto(url, wait_until="commit")
    await phone.option("b").wait_for(state="attached")  # all of it has come
    return come


async def test_a_vote_that_was_not_taken_is_not_sent_again(
    running: system.System, arrive: Arrive
) -> None:
    """Its voter has another mind by now."""
    phone = await arrive()

    async def vote_has_noticed() -> bool:
        return await running.vote.get("/readyz") == 503

    with phone.network_errors(to_the_end=True):
        held = await open_without_scripts(phone, running.vote.url)
        await running.stores.redis.kill()
        await until.true(vote_has_noticed)
        assert (await tap(phone, "a", held)).status == 503
        await expect(phone.page.locator("#notice")).to_have_text(
            "Your vote for Cats was not taken."
        )
        await running.stores.redis.mend()
        await running.vote.ready()
    elsewhere = await phone.context.new_page()
    await elsewhere.goto(running.vote.url)
    await elsewhere.locator(".option[value=b]").click()
    await expect(elsewhere.locator(".option[value=b]")).to_have_attribute("data-mark", "taken")
    await look_again(phone)
    await expect(phone.page.locator("#notice")).to_contain_text(" is in.", timeout=SOON)
    await running.drained()
    assert await running.tallies() == {"b": 1}
    await expect(phone.option("b")).to_have_attribute("data-mark", "taken")


async def test_a_vote_that_came_too_late_is_not_sent_again(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    """Where the poll is open for longer, nobody casts it."""
    pair = await ask()
    vote, _ = pair
    phone = await arrive()
    with phone.network_errors(to_the_end=True):
        held = await open_without_scripts(phone, vote.url)
        async with changed(running, pair, POLL_CLOSES_AT=PAST):
            assert (await tap(phone, "a", held)).status == 403
            await expect(phone.page.locator("#notice")).to_contain_text("came too late")
        async with changed(running, pair, POLL_CLOSES_AT=in_an_hour()):
            await look_again(phone)
            await expect(phone.option("a")).to_be_enabled(timeout=SOON)
            await expect(phone.page.locator("#notice")).to_contain_text("Tap your choice.")
            await running.drained()
            assert await running.tallies() == {}


async def test_a_vote_for_another_poll_is_not_sent_again(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    """Nothing is refused then, and nothing is called so."""
    pair = await ask(OPTION_A="Tea", OPTION_B="Coffee")
    vote, _ = pair
    phone = await arrive()
    with phone.network_errors(to_the_end=True):
        held = await open_without_scripts(phone, vote.url)
        async with changed(running, pair, OPTION_A="Beer", OPTION_B="Wine"):
            assert (await tap(phone, "a", held)).status == 409
        async with changed(running, pair, OPTION_A="Milk", OPTION_B="Water"):
            await look_again(phone)
            await expect(phone.page.locator("h1")).to_have_text("Milk vs Water!", timeout=SOON)
            await expect(phone.page.locator("#notice")).to_contain_text("Tap your choice.")
