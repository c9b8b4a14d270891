"""The vote page in a browser."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Arrive, Serve
from tests.browser.pages import VotePage, poll_of
from tests.browser.visitor import DESKTOP, PATIENCE

pytestmark = pytest.mark.asyncio(loop_scope="package")

NO_COOKIES = "Object.defineProperty(document, 'cookie', { get: () => '', set() {} })"


async def test_a_tap_votes_and_another_one_changes_the_vote(arrive: Arrive) -> None:
    page = VotePage()
    phone = await arrive(page)
    await phone.vote("a")
    await expect(phone.notice).to_have_text("Your vote for Cats is in. You can change it.")
    await phone.vote("b")
    await expect(phone.option("a")).to_have_attribute("aria-pressed", "false")
    assert page.votes == [{"vote": each, "poll": page.poll.revision} for each in ("a", "b")]


async def test_the_redirect_of_an_earlier_version_means_recorded(arrive: Arrive) -> None:
    """During an update, a replica of that version may get the vote."""
    phone = await arrive(VotePage(answer=(303, "./")))
    await phone.vote("a")
    await expect(phone.notice).to_contain_text("Your vote for Cats is in.")


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (500, None, "may not have been recorded. Try again. It counts only once."),
        (403, "no", "Your vote for Cats was refused. Reload the page and try again."),
        (303, "./login", "Your vote for Cats was refused."),
        (422, {}, "the poll does not have this option"),
    ],
)
async def test_a_vote_that_was_refused_can_be_sent_again(
    arrive: Arrive, status: int, content: Any, words: str
) -> None:
    page = VotePage(answer=(status, content))
    phone = await arrive(page)
    with phone.network_errors():
        await phone.option("a").click()
        await expect(phone.notice).to_contain_text(words)
        await expect(phone.option("a")).to_have_attribute("data-mark", "failed")
        page.answer = (202, {})
        await phone.page.get_by_role("button", name="Try again").click()
        await expect(phone.notice).to_contain_text("Your vote for Cats is in.")


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (503, {"reason": "not_taken"}, "Voting pauses."),
        (503, {"reason": "unsure"}, "No answer yet."),
        # A replica of an earlier version answers with the page.
        (503, "<main data-state=not_taken>", "No answer yet."),
        (502, None, "No answer yet."),
        (504, None, "No answer yet."),
    ],
)
async def test_a_vote_is_sent_again_by_itself(
    arrive: Arrive, status: int, content: Any, words: str
) -> None:
    page = VotePage(answer=(status, content))
    phone = await arrive(page)
    with phone.network_errors():
        await phone.option("a").click()
        await expect(phone.notice).to_have_text(f"{words} Your vote for Cats is sent again…")
        await expect(phone.option("a")).to_have_attribute("data-mark", "busy")
        page.answer = (202, {})
        await expect(phone.notice).to_contain_text("Your vote for Cats is in.")
    assert {vote["vote"] for vote in page.votes} == {"a"}


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (["not_taken"], "Your vote for Cats was not recorded."),
        (["unsure"], "No answer. Your vote for Cats may not have been recorded."),
        # The second attempt says nothing about the first one.
        (["unsure", "not_taken"], "No answer. Your vote for Cats may not have been recorded."),
    ],
)
async def test_after_a_while_the_voter_sends_it_again(
    arrive: Arrive, reasons: list[str], words: str
) -> None:
    page = VotePage(answer=(503, {"reason": reasons[0]}))
    phone = await arrive(page)
    await phone.page.clock.install()
    with phone.network_errors():
        await phone.option("a").click()
        await expect(phone.notice).to_contain_text("is sent again…")
        page.answer = (503, {"reason": reasons[-1]})
        await phone.outlast_pause()
        await expect(phone.notice).to_contain_text(words)
        await expect(phone.option("a")).to_have_attribute("data-mark", "failed")
        page.answer = (202, {})
        await phone.page.get_by_role("button", name="Try again").click()
        await expect(phone.notice).to_contain_text("Your vote for Cats is in.")


async def test_another_choice_while_a_vote_is_sent_again(arrive: Arrive) -> None:
    page = VotePage(answer=(503, {"reason": "unsure"}))
    phone = await arrive(page)
    await phone.stop_clock()  # no pause ends by itself
    with phone.network_errors():
        await phone.option("a").click()
        await expect(phone.notice).to_contain_text("Your vote for Cats is sent again…")
        page.answer = (202, {})
        await phone.vote("b")
        await phone.page.clock.run_for(PATIENCE)
        await expect(phone.notice).to_contain_text("Your vote for Dogs is in.")
    assert [vote["vote"] for vote in page.votes] == ["a", "b"]


async def test_taps_while_the_network_is_slow(arrive: Arrive) -> None:
    page = VotePage(hold=asyncio.Event())
    phone = await arrive(page)
    await phone.option("a").dblclick()
    await expect(phone.notice).to_have_text("Sending your vote for Cats…")
    for choice in ("b", "a", "b"):
        await phone.option(choice).click()
    assert page.hold
    page.hold.set()
    await expect(phone.option("b")).to_have_attribute("data-mark", "recorded")
    # One request at a time, and the last choice wins.
    assert [vote["vote"] for vote in page.votes] == ["a", "b"]


async def test_offline(arrive: Arrive) -> None:
    phone = await arrive(VotePage())
    await phone.vote("b")
    await phone.stop_clock()
    with phone.network_errors():
        await phone.context.set_offline(True)
        await phone.option("a").click()
        await expect(phone.notice).to_have_text(
            "You are offline. Your vote for Cats is sent again…"
        )
        await phone.context.set_offline(False)
        await expect(phone.option("a")).to_have_attribute("data-mark", "recorded")


async def test_offline_for_long(arrive: Arrive) -> None:
    phone = await arrive(VotePage())
    await phone.vote("b")
    await phone.page.clock.install()
    with phone.network_errors():
        await phone.context.set_offline(True)
        await phone.option("a").click()
        await phone.outlast_pause()
        await expect(phone.notice).to_have_text(
            "You are offline. Your vote for Cats was not recorded."
        )
        # The vote that was acknowledged still counts.
        await expect(phone.option("b")).to_have_attribute("aria-pressed", "true")
        await phone.context.set_offline(False)
        await expect(phone.notice).to_have_text("Your vote for Cats was not recorded.")
        await phone.page.get_by_role("button", name="Try again").click()
        await expect(phone.option("a")).to_have_attribute("data-mark", "recorded")


@pytest.mark.parametrize(("is_late", "poll_id"), [(False, None), (False, "drinks"), (True, None)])
async def test_a_changed_poll_is_loaded_again(
    arrive: Arrive, is_late: bool, poll_id: str | None
) -> None:
    page = VotePage(replace(poll_of(), id=poll_id))
    phone = await arrive(page)
    with phone.network_errors():
        page.poll = replace(poll_of("Tea", "Coffee"), id=poll_id)
        if is_late:
            page.answer = (409, {"reason": "changed"})
            await phone.option("a").click()
            await expect(phone.notice).to_contain_text("because the poll has changed.")
        else:
            await phone.return_to_tab()
        await expect(phone.option("a")).to_have_text("Tea")


async def test_a_vote_in_another_tab_is_shown(arrive: Arrive) -> None:
    page = VotePage(choice="b")
    phone = await arrive(page)
    page.choice = "a"
    await phone.return_to_tab()
    await expect(phone.option("a")).to_have_attribute("data-mark", "recorded")


async def test_the_page_notices_that_votes_can_be_recorded_again(arrive: Arrive) -> None:
    page = VotePage(state="unavailable")
    phone = await arrive(page)
    await expect(phone.notice).to_contain_text("Votes cannot be recorded right now.")
    page.state = "open"
    await expect(phone.notice).to_contain_text("Tap your choice.")


async def test_the_poll_closes_while_the_page_is_open(arrive: Arrive) -> None:
    page = VotePage(poll_of(closes_at=datetime.now(UTC) + timedelta(seconds=9)))
    phone = await arrive(page)
    await expect(phone.page.locator("#closing")).to_contain_text("Voting closes in 0:0")
    await phone.vote("a")
    await expect(phone.notice).to_have_text("Voting has closed. Your vote for Cats is in.")
    await expect(phone.option("b")).to_be_disabled()
    await expect(phone.page.get_by_role("link", name="See the result")).to_be_visible()
    # With another end, the poll is open again.
    page.poll = poll_of()
    await phone.return_to_tab()
    await expect(phone.option("b")).to_be_enabled()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            (403, {"reason": "closed"}),
            "Your vote for Dogs came too late. Your earlier vote for Cats counts",
        ),
        ((503, {"reason": "unsure"}), "Your vote for Dogs may not have been recorded"),
    ],
)
async def test_a_vote_that_comes_too_late(
    arrive: Arrive, answer: tuple[int, Any], words: str
) -> None:
    page = VotePage(poll_of(closes_at=datetime.now(UTC) + timedelta(seconds=8)), choice="a")
    phone = await arrive(page)
    with phone.network_errors():
        page.answer, page.hold = answer, asyncio.Event()
        await phone.option("b").click()
        await expect(phone.page.locator("#closing")).to_contain_text("Voting closed at")
        page.hold.set()
        await expect(phone.notice).to_contain_text("Voting has closed.")
        await expect(phone.notice).to_contain_text(words)


async def test_by_keyboard(arrive: Arrive) -> None:
    page = VotePage(answer=(503, {"reason": "not_taken"}))
    desk = await arrive(page, viewport=DESKTOP)
    await desk.page.clock.install()
    with desk.network_errors():
        await desk.page.keyboard.press("Tab")
        await desk.page.keyboard.press("Tab")
        await desk.page.keyboard.press("Enter")
        await desk.outlast_pause()
        await expect(desk.notice).to_contain_text("was not recorded")
        page.answer = (202, {})
        await desk.page.keyboard.press("Tab")
        await expect(desk.page.get_by_role("button", name="Try again")).to_be_focused()
        await desk.page.keyboard.press("Enter")
        # That button is hidden now, and the focus stays with the choice.
        await expect(desk.option("b")).to_be_focused()
        await expect(desk.option("b")).to_have_attribute("data-mark", "recorded")


async def test_a_browser_without_cookies_cannot_change_its_vote(
    arrive: Arrive, serve: Serve
) -> None:
    page = VotePage()
    phone = await arrive("about:blank")
    await phone.page.add_init_script(NO_COOKIES)
    await phone.open(await serve(page))
    await expect(phone.notice).to_contain_text("You cannot change it later")
    await phone.vote("a")
    await expect(phone.notice).to_contain_text("another choice counts as another vote")
    page.choice = None  # the server does not know this voter
    await phone.return_to_tab()
    await phone.vote("b")
    page.answer = (502, None)
    with phone.network_errors():
        await phone.option("a").click()
        await expect(phone.notice).to_contain_text("a second try may count twice")
    assert len(page.votes) == 3  # nothing is sent again by itself


async def test_languages(arrive: Arrive) -> None:
    phone = await arrive(VotePage(), locale="zh-CN")
    await phone.vote("a")
    await expect(phone.notice).to_have_text("你投给了“Cats”。 可以更改。")
    await phone.page.get_by_role("link", name="English").click()
    await expect(phone.notice).to_contain_text("Your vote for Cats is in.")
    await phone.open(phone.page.url.partition("?")[0])
    await expect(phone.page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize(
    "state",
    ["recorded", *(pytest.param(it, marks=pytest.mark.extended) for it in ("failed", "closed"))],
)
async def test_accessibility(arrive: Arrive, state: str) -> None:
    closes_at = datetime.now(UTC) - timedelta(hours=1) if state == "closed" else None
    page = VotePage(
        poll_of(*(f"Option {hue}" for hue in range(8)), closes_at=closes_at),
        choice="a" if state != "failed" else None,
        answer=(503, {"reason": "not_taken"}),
    )
    phone = await arrive(page)
    with phone.network_errors():
        if state == "failed":
            await phone.page.clock.install()
            await phone.option("b").click()
            await phone.outlast_pause()
            await expect(phone.notice).to_contain_text("was not recorded")
        await phone.check_accessibility()
