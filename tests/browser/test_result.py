"""The result page in a browser."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.async_api import Route, expect

from common.templating import milliseconds
from tests.browser.conftest import Arrive, Serve
from tests.browser.pages import ResultPage, poll_of, store, worker
from tests.browser.visitor import DESKTOP, PHONE

pytestmark = pytest.mark.asyncio(loop_scope="package")

TIME = r"\d{1,2}:\d\d:\d\d"
DEAD = [worker(f"worker-{number}", alive=False) for number in range(4)]
WAITING = [worker("worker-1", state="waiting for postgres")]
BAD, BUSY, GOOD = "bad", "busy", "good"


async def test_the_strip(arrive: Arrive) -> None:
    page = ResultPage()
    wall = await arrive(page)
    cases: list[tuple[dict[str, Any], str, str]] = [
        ({}, GOOD, "All is well"),
        ({"waiting": 7}, BUSY, "Counting…"),
        ({"workers": DEAD[:1]}, BAD, "No worker is running. New votes will wait"),
        (
            *({"workers": [], "waiting": 1}, BAD),
            "No worker is running. 1 vote is waiting and will not be lost",
        ),
        (
            *({"workers": [worker("w"), *DEAD[:2]]}, BAD),
            "Workers 0, 1 have stopped responding",
        ),
        ({"workers": [worker("w"), *DEAD]}, BAD, "4 of 5 workers have stopped responding"),
        (
            *({"workers": WAITING, "claimed": 3}, BAD),
            "3 votes are waiting for Postgres and will not be lost",
        ),
        ({"postgres": store("unavailable")}, BAD, f"Postgres has been unavailable since {TIME}"),
        (
            *({"postgres": store("unavailable", refused=True), "waiting": 2}, BAD),
            f"Postgres has refused the password since {TIME}.*2 votes are waiting for Postgres",
        ),
        (
            *({"postgres": store("unavailable"), "as_of": 1}, BAD),
            r"Last update [\d,]+ h ago",
        ),
        (
            *({"redis": store("unavailable"), "workers": None}, BAD),
            f"Redis has been unavailable since {TIME}. Voting pauses until it is back",
        ),
        (
            *({"redis": store("unavailable", refused=True), "workers": None}, BAD),
            "refused this page's password",
        ),
        ({"workers": None}, BUSY, "Redis is back. Waiting for the workers to report"),
        ({"vote_page": False}, BAD, "The vote page is unavailable. No one can vote"),
    ]
    for changes, tone, words in cases:
        await page.send_pipeline(**changes)
        await expect(wall.health).to_have_text(re.compile(words, re.DOTALL))
        await expect(wall.page.locator(".strip")).to_have_attribute("data-tone", tone)


async def test_the_strip_names_facts(arrive: Arrive) -> None:
    page = ResultPage()
    now = datetime.now(UTC).timestamp() * 1000
    page.changes = {"waiting": 1_204, "dead": 2, "last_commit": now - 60_000}
    wall = await arrive(page)
    for fact, words in (
        ("waiting", "1,204 votes"),
        ("workers", "1"),
        ("committed", "1 min ago"),
        ("viewers", "2"),
        ("dead", "2"),
    ):
        await expect(wall.page.locator(f"[data-fact={fact}] dd")).to_have_text(words)


async def test_the_names_of_workers_are_short(arrive: Arrive) -> None:
    page = ResultPage()
    wall = await arrive(page)
    for names, words in (
        (["voting-worker-7d9f8b-m28v2-1a2b3c"], "Worker m28v2"),
        (["worker-m28v2-1a2b3c", "worker-x8k4p-4d5e6f"], "Workers m28v2, x8k4p"),
        (["3f2a9c1b0d4e-1a2b3c", "desk.example.org-4d5e6f"], "Workers 3f2a9c, desk"),
        (["worker-a-1a2b3c", "worker-b-1a2b3c", "worker-c-1a2b3c"], "Workers 3"),
        ([], "Workers none"),
    ):
        await page.send_pipeline(workers=[worker(name) for name in names])
        name, _, value = words.partition(" ")
        await expect(wall.page.locator("[data-fact=workers] :is(dt, dd)")).to_have_text(
            [name, value]
        )


async def test_two_options(arrive: Arrive) -> None:
    page = ResultPage()
    wall = await arrive(page)
    await expect(wall.page.locator("#total")).to_have_text("No votes yet")
    await page.send_counts(a=3, b=1)
    first = wall.page.locator(".side[data-id=a]").first
    await expect(first.locator(".share")).to_have_text("75.0%")
    await expect(first.locator(".verdict")).to_have_text("Leading")
    await expect(wall.page.locator("#total")).to_have_text("4 votes")
    at = await wall.page.locator(".split").evaluate("(it) => it.style.getPropertyValue('--at')")
    assert at == "75%"


async def test_three_options_change_places(arrive: Arrive) -> None:
    page = ResultPage(poll_of("Tea", "Coffee", "Water"), a=5, b=4, c=3)
    wall = await arrive(page)
    bars = wall.page.locator(".bar")
    await expect(bars.locator(".name")).to_have_text(["Tea", "Coffee", "Water"])
    await page.send_counts(c=5_000)
    await expect(bars.locator(".name")).to_have_text(["Water", "Tea", "Coffee"])
    await expect(bars.locator(".count")).to_have_text(["5,000", "5", "4"])
    await page.send_counts(a=5_000)
    await expect(bars.locator(".rank")).to_have_text(["1", "1", "3"])
    await expect(bars.locator(".verdict")).to_have_text(["Tied", "Tied", ""])


async def test_the_length_of_a_bar_is_the_share_of_all_votes(arrive: Arrive) -> None:
    page = ResultPage(poll_of("Tea", "Coffee", "Water"), a=6, b=3, c=1)
    wall = await arrive(page, reduced_motion="reduce")
    await expect(wall.health).to_have_text("All is well")

    async def lengths() -> list[int]:
        """Measure the bars in percent of their tracks."""
        await wall.settled()
        measured = await wall.page.locator(".fill").evaluate_all(
            "(all) => all.map((it) => 100 * it.offsetWidth / it.parentElement.offsetWidth)"
        )
        return [round(each) for each in measured]

    assert await lengths() == [60, 30, 10]
    await page.send_counts(b=13)
    await expect(wall.page.locator(".bar .share")).to_have_text(["65.0%", "30.0%", "5.0%"])
    assert await lengths() == [65, 30, 5]


async def test_a_screen_reader_hears_faults_once_and_numbers_now_and_then(arrive: Arrive) -> None:
    page = ResultPage()
    wall = await arrive(page)
    alarm = wall.page.locator("#alarm")
    await expect(wall.health).to_have_text("All is well")
    for waiting in (2, 3):
        await page.send_pipeline(workers=[], waiting=waiting)
        await expect(wall.health).to_contain_text(f"{waiting} votes are waiting")
    await expect(alarm).to_contain_text("2 votes are waiting")
    await page.send_pipeline()
    await expect(alarm).to_have_text("All is well")
    for count in range(1, 6):
        await page.send_counts(a=count)
    await expect(wall.page.locator("#announcer")).to_have_text("Cats 100.0% · Dogs 0.0% · 5 votes")
    table = wall.page.get_by_role("table", name="Result")
    await expect(table.get_by_role("row", name="Cats 100.0% 5")).to_have_count(1)


async def test_presenter_mode(arrive: Arrive) -> None:
    page = ResultPage(a=3, b=2)
    wall = await arrive(page, viewport=DESKTOP)
    strip, button = wall.page.locator(".strip"), wall.page.get_by_role("button", name="Present")
    await button.focus()
    small = await wall.page.locator(".code svg").bounding_box()
    await wall.page.keyboard.press("Enter")
    await expect(strip).to_be_hidden()
    await expect(wall.page.locator(":root:fullscreen")).to_have_count(1)
    large = await wall.page.locator(".code svg").bounding_box()
    assert small
    assert large
    assert large["width"] > 1.4 * small["width"]
    await page.send_pipeline(vote_page=False)
    await expect(strip).to_be_visible()
    await page.send_pipeline()
    await expect(strip).to_be_hidden()
    await wall.page.reload()  # it presents, but browsers allow full screen only after a key
    await wall.page.keyboard.press("p")
    await expect(wall.page.locator(":root:fullscreen")).to_have_count(1)
    await wall.page.keyboard.press("p")
    await expect(strip).to_be_visible()
    assert "present" not in wall.page.url


async def test_a_silent_connection_is_replaced(arrive: Arrive, serve: Serve) -> None:
    page = ResultPage()
    wall = await arrive("about:blank")
    await wall.page.clock.install()
    await wall.open(await serve(page))
    await expect(wall.health).to_have_text("All is well")
    page.is_silent = True
    await wall.page.clock.fast_forward(4_000)
    await expect(wall.health).to_have_text(
        re.compile(r"Connection lost. Last update \d s ago. Reconnecting…"), timeout=5_000
    )
    await expect(wall.page.locator("main")).to_have_attribute("data-stale", "")
    page.is_silent = False
    await expect(wall.health).to_have_text("All is well")


async def test_polling_where_websockets_are_swallowed(arrive: Arrive, serve: Serve) -> None:
    wall = await arrive("about:blank")
    # It opens, and then nothing gets through.
    await wall.page.route_web_socket("**/socket.io/*", lambda _: None)
    await wall.page.clock.install()
    await wall.open(await serve(ResultPage()))
    await expect(wall.health).to_contain_text("Connecting…")
    await wall.page.clock.fast_forward(10_000)
    await expect(wall.health).to_have_text("All is well", timeout=20_000)


@pytest.mark.parametrize("poll_id", [None, "drinks"])
async def test_a_changed_poll_is_loaded_again(arrive: Arrive, poll_id: str | None) -> None:
    page = ResultPage(replace(poll_of(), id=poll_id))
    wall = await arrive(page)
    await expect(wall.health).to_have_text("All is well")
    await wall.page.evaluate("Math.random = () => 0")  # viewers reload at random moments
    page.poll = replace(poll_of("Tea", "Coffee"), id=poll_id)
    await expect(wall.page.locator(".side .name").first).to_have_text("Tea", timeout=10_000)


async def test_the_poll_closes(arrive: Arrive) -> None:
    closes_at = datetime.now(UTC) + timedelta(hours=1)
    page = ResultPage(poll_of(closes_at=closes_at), a=2, b=1)
    wall = await arrive(page)
    await expect(wall.page.locator("#closing")).to_contain_text("Voting closes in 59:")
    closed = milliseconds(closes_at) + 1  # by the clock of the server
    await page.send_pipeline(now=closed, waiting=2)
    await expect(wall.page.locator("#total")).to_have_text("Counting the last 2 votes")
    await expect(wall.page.locator(".invite")).to_be_hidden()
    await page.send_counts(a=4)
    await page.send_pipeline(now=closed, final=True)
    await expect(wall.page.locator("#final")).to_be_visible()
    await expect(wall.page.locator("#total")).to_have_text("5 votes")
    await expect(wall.page.locator(".side .verdict").first).to_have_text("Winner")
    await expect(wall.page.locator("#announcer")).to_have_text(
        "Final result · Cats 80.0% · Dogs 20.0% · 5 votes", timeout=12_000
    )


async def test_a_page_whose_scripts_did_not_load_loads_itself_again(
    arrive: Arrive, serve: Serve
) -> None:
    wall = await arrive("about:blank")
    with wall.network_errors():
        failures = 0

        async def fail_once(route: Route) -> None:
            nonlocal failures
            failures += 1
            await (route.abort() if failures == 1 else route.continue_())

        await wall.page.route("**/board.js", fail_once)
        await wall.page.clock.install()
        await wall.open(await serve(ResultPage()))
        await wall.page.clock.fast_forward(5_000)
        await expect(wall.health).to_have_text("All is well", timeout=12_000)


async def test_it_says_that_a_script_did_not_load(arrive: Arrive, serve: Serve) -> None:
    wall = await arrive("about:blank")
    with wall.network_errors():
        await wall.page.route("**/*.js", lambda route: route.abort())
        await wall.open(await serve(ResultPage()))
        stuck = wall.page.locator("#stuck")
        await expect(stuck).to_be_hidden()
        await stuck.evaluate("(it) => it.getAnimations().forEach((each) => each.finish())")
        await expect(stuck).to_be_visible()


async def test_without_javascript(arrive: Arrive) -> None:
    page = ResultPage(a=1, b=3)
    page.degraded = True
    wall = await arrive(page, java_script_enabled=False)
    await expect(wall.page.get_by_role("row", name="Dogs 75.0% 3")).to_be_visible()
    await expect(wall.page.locator(".board")).to_be_hidden()
    await expect(wall.page.locator(".notice")).to_be_visible()
    page.counts["b"] = 4
    page.degraded = False
    await expect(wall.page.get_by_role("row", name="Dogs 80.0% 4")).to_be_visible(timeout=20_000)
    await expect(wall.page.locator(".notice")).to_have_count(0)


async def test_in_chinese(arrive: Arrive) -> None:
    wall = await arrive(ResultPage(a=1), locale="zh-CN")
    await expect(wall.health).to_have_text("一切正常")
    await expect(wall.page.locator("#total")).to_have_text("1 票")


@pytest.mark.parametrize(
    ("count", "viewport"),
    [(2, DESKTOP), pytest.param(12, PHONE, marks=pytest.mark.extended)],
    ids=["2", "12"],
)
async def test_accessibility(arrive: Arrive, count: int, viewport: dict[str, int]) -> None:
    page = ResultPage(poll_of(*(f"Option {number}" for number in range(count))), a=3, b=2)
    page.changes = {"vote_page": False}
    wall = await arrive(page, viewport=viewport)
    await expect(wall.health).to_contain_text("The vote page is unavailable")
    await wall.check_accessibility()
