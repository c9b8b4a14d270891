"""What a voter and an audience do on a good day."""

import asyncio
import json
import re
from urllib.parse import urlsplit

import pydantic
import pytest
from playwright.async_api import Route, expect

import vote.app
import vote.settings
from bench import request
from tests.browser import system, visitor
from tests.browser.conftest import Arrive
from vote import head, shortcut

pytestmark = pytest.mark.asyncio(loop_scope="package")

NO_MORE_THAN = {"vote": 30_000, "result": 60_000}  # bytes over the wire, everything together


async def test_a_vote_is_seen_on_the_wall(running: system.System, arrive: Arrive) -> None:
    wall = await arrive(running.result.url, viewport={"width": 1440, "height": 900})
    await expect(wall.page.locator("#health")).to_have_text("All is well")
    await expect(wall.page.locator("#total")).to_have_text("No votes yet")
    await wall.look("result-empty")
    phone = await arrive(running.vote.url)
    await phone.look("vote-open")
    await expect(phone.page.locator("footer")).to_contain_text("Served by ")
    await phone.option("a").click()
    await expect(phone.page.locator("#notice")).to_have_text(
        "Your vote for Cats is in. You can change it."
    )
    await expect(wall.page.locator("#total")).to_have_text("1 vote")
    await expect(wall.page.locator(".side[data-id=a] .share").first).to_have_text("100.0%")
    await phone.look("vote-taken")
    await wall.look("result-one")


@pytest.mark.parametrize("scripts", [True, False])
async def test_the_benchmarks_send_what_a_browser_sends(
    running: system.System, arrive: Arrive, scripts: bool
) -> None:
    phone = await arrive(running.vote.url, java_script_enabled=scripts)
    async with phone.page.expect_request(lambda each: each.method == "POST") as sending:
        await phone.option("a").click()
    sent = await sending.value
    headers = await sent.all_headers()
    edition = await phone.page.locator("main").get_attribute("data-poll")
    assert edition is not None
    seen = request.Visit(edition, "voter_id=")
    made = request.by_script([seen], "a") if scripts else request.by_form(seen, "a")
    assert (sent.url, headers["content-type"], sent.post_data) == (
        f"{running.vote.url}/{made.path}",
        made.media_type,
        made.body,
    )
    assert headers["cookie"].startswith("voter_id=")
    assert ";" not in headers["cookie"]


@pytest.mark.parametrize("has_script", [True, False])
async def test_what_the_page_sends_takes_the_short_way(
    running: system.System, arrive: Arrive, has_script: bool
) -> None:
    """vote/shortcut.py, which most of the speed comes from."""
    configured = vote.settings.Settings(redis_url=pydantic.SecretStr(running.stores.redis_url))
    app = vote.app.create_app(configured)
    assert isinstance(app, shortcut.Shortcut)
    phone = await arrive(running.vote.url, java_script_enabled=has_script)
    for option in ("a", "b"):  # the second time it comes with what the first answer left
        async with phone.page.expect_request(lambda each: each.method == "POST") as sent:
            await phone.option(option).click()
        posted = await sent.value
        await expect(phone.option(option)).to_have_attribute("data-mark", "taken")
        path = urlsplit(posted.url).path
        headers = await posted.all_headers()
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        read = head.read(f"POST {path} HTTP/1.1\r\n{lines}\r\n{posted.post_data}".encode())
        assert read is not None
        assert app.ways.option(read) == option


async def test_a_change_of_mind_moves_the_vote(running: system.System, arrive: Arrive) -> None:
    phone = await arrive(running.vote.url)
    await phone.cast("a")
    await phone.cast("b")
    await expect(phone.option("a")).to_have_attribute("aria-pressed", "false")
    await running.drained()
    assert await running.tallies() == {"b": 1}
    await phone.page.reload()
    await expect(phone.option("b")).to_have_attribute("aria-pressed", "true")


async def test_a_refusal_of_a_proxy_is_not_the_end_of_the_poll(
    running: system.System, arrive: Arrive
) -> None:
    phone = await arrive(running.vote.url)
    with phone.network_errors():
        await phone.page.route("**/api/votes", lambda route: route.fulfill(status=403, body="no"))
        await phone.option("a").click()
        await expect(phone.page.locator("#notice")).to_have_text(
            "Your vote for Cats was refused. Reload the page and try again."
        )
        await expect(phone.option("a")).to_be_enabled()


async def test_taps_while_the_network_is_slow(running: system.System, arrive: Arrive) -> None:
    """Double taps and changes of mind: one request at a time, the last choice wins, one vote."""
    phone = await arrive(running.vote.url)
    votes: list[str] = []
    under_way = 0
    go_on = asyncio.Event()

    async def slowly(route: Route) -> None:
        nonlocal under_way
        under_way += 1
        assert under_way == 1
        votes.append(json.loads(route.request.post_data or "")["vote"])
        await go_on.wait()
        under_way -= 1
        await route.continue_()

    await phone.page.route("**/api/votes", slowly)
    await phone.option("a").dblclick()
    await expect(phone.option("a")).to_have_attribute("data-mark", "busy")
    await expect(phone.page.locator("#notice")).to_have_text("Sending your vote for Cats …")
    await phone.look("vote-sending")
    await phone.option("b").click()
    await phone.option("a").click()
    await phone.option("b").click()
    go_on.set()
    await expect(phone.option("b")).to_have_attribute("data-mark", "taken")
    assert votes == ["a", "b"]
    await running.drained()
    assert await running.tallies() == {"b": 1}


async def test_two_tabs(running: system.System, arrive: Arrive) -> None:
    """A tap is always sent: a page cannot know that its choice is still the one that counts."""
    first = await arrive(running.vote.url)
    await first.cast("a")
    second = await first.context.new_page()
    await second.goto(running.vote.url)
    await second.locator(".option[value=b]").click()
    await expect(second.locator(".option[value=b]")).to_have_attribute("data-mark", "taken")
    await expect(first.option("a")).to_have_attribute("data-mark", "taken")
    async with first.page.expect_response("**/api/votes") as answer:
        await first.option("a").click()
    assert (await answer.value).status == 202
    await running.drained()
    assert await running.tallies() == {"a": 1}


async def test_who_is_not_known_has_no_vote(running: system.System, arrive: Arrive) -> None:
    phone = await arrive(running.vote.url)
    await phone.cast("a")
    await phone.context.clear_cookies(name="voter_id")
    for _ in range(2):  # with the second visit comes the cookie of the first
        await phone.page.reload()
        await expect(phone.page.locator("#notice")).to_contain_text("Tap your choice.")
        await expect(phone.option("a")).to_have_attribute("aria-pressed", "false")
    await phone.cast("a")
    await running.drained()
    assert await running.tallies() == {"a": 2}


async def test_browser_of_some_years_ago(running: system.System, arrive: Arrive) -> None:
    phone = await arrive()
    await phone.page.add_init_script(
        """delete AbortSignal.timeout;
        delete AbortSignal.any;
        delete SubmitEvent.prototype.submitter;"""
    )
    await phone.open(running.vote.url)
    async with phone.page.expect_request("**/api/votes"):
        await phone.cast("a")
    await running.drained()
    assert await running.tallies() == {"a": 1}


# What the browser says then. That of these tests has no such cache, and shows all its tabs.
@pytest.mark.parametrize(
    "event",
    [
        "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))",
        "document.dispatchEvent(new Event('visibilitychange'))",
    ],
    ids=["cache", "tab"],
)
async def test_back_from_the_cache_of_the_browser_or_from_another_tab(
    running: system.System, arrive: Arrive, event: str
) -> None:
    """The page comes as it was left, though its voter has voted elsewhere since."""
    phone = await arrive(running.vote.url)
    await phone.cast("b")
    elsewhere = await phone.context.new_page()
    await elsewhere.goto(running.vote.url)
    await elsewhere.locator(".option[value=a]").click()
    await expect(elsewhere.locator(".option[value=a]")).to_have_attribute("data-mark", "taken")
    await expect(phone.option("b")).to_have_attribute("data-mark", "taken")
    await phone.page.evaluate(f"() => {{ {event}; }}")
    await expect(phone.option("a")).to_have_attribute("data-mark", "taken")
    await expect(phone.page.locator("#notice")).to_contain_text("Your vote for Cats is in.")


async def test_back_on_a_page_that_is_right_nothing_is_loaded_again(
    running: system.System, arrive: Arrive
) -> None:
    phone = await arrive(running.vote.url)
    await phone.cast("b")
    loads: list[str] = []
    phone.page.on("framenavigated", lambda frame: loads.append(frame.url))
    async with phone.page.expect_response(running.vote.url + "/"):
        await phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await phone.cast("a")
    assert loads == []


async def test_without_javascript(running: system.System, arrive: Arrive) -> None:
    wall = await arrive(running.result.url, java_script_enabled=False)
    row = wall.page.locator("tbody tr[data-id=b] td").last
    await expect(row).to_be_visible()
    await expect(wall.page.locator(".board")).to_be_hidden()
    phone = await arrive(running.vote.url, java_script_enabled=False)
    await phone.option("b").click()
    await expect(phone.option("b")).to_have_attribute("aria-pressed", "true")
    await expect(phone.page.locator("#notice")).to_contain_text("Your vote for Dogs is in.")
    # The page asks for itself again.
    await expect(row).to_have_text("1", timeout=8000)
    await phone.page.screenshot(path="build/screenshots/vote-no-javascript.png")
    await wall.page.screenshot(path="build/screenshots/result-no-javascript.png")


# How far the ring of the chosen option reaches, and where that of the focus begins, in px.
RINGS = """(it) => {
    const { boxShadow, outlineOffset } = getComputedStyle(it);
    const shadows = [...boxShadow.matchAll(/0px 0px 0px (\\d+)px/g)];
    return [Math.max(...shadows.map(([, width]) => Number(width))), parseFloat(outlineOffset)];
}"""


async def test_by_keyboard_alone(running: system.System, arrive: Arrive) -> None:
    desk = await arrive(running.vote.url, viewport={"width": 1440, "height": 900})
    await desk.page.keyboard.press("Tab")
    await expect(desk.option("a")).to_be_focused()
    width = await desk.option("a").evaluate("(it) => getComputedStyle(it).outlineWidth")
    assert width == "3px"
    await desk.page.keyboard.press("Tab")
    await desk.page.keyboard.press("Enter")
    await expect(desk.option("b")).to_have_attribute("data-mark", "taken")
    await expect(desk.option("b")).to_be_focused()
    # Beyond the ring that says which is chosen, and not on it.
    ring, focus = await desk.option("b").evaluate(RINGS)
    assert focus > ring > 0
    await running.drained()
    assert await running.tallies() == {"b": 1}


async def test_presenter_mode(running: system.System, arrive: Arrive) -> None:
    await running.pretend(a=61, b=39)
    wall = await arrive(running.result.url, viewport={"width": 1920, "height": 1080})
    await expect(wall.page.locator("#health")).to_have_text("All is well")
    code = wall.page.locator(".invite svg")
    small = await code.bounding_box()
    await wall.page.keyboard.press("p")
    await expect(wall.page.locator(".strip")).to_be_hidden()
    await expect(wall.page.locator(":root:fullscreen")).to_have_count(1)
    large = await code.bounding_box()
    assert small
    assert large
    assert large["width"] > 1.4 * small["width"]
    assert wall.page.url.endswith("/?present")
    await wall.page.keyboard.press("p")
    await expect(wall.page.locator(".strip")).to_be_visible()
    await expect(wall.page.locator(":root:fullscreen")).to_have_count(0)
    guest = await arrive(running.result.url + "/?present")
    await expect(guest.page.locator(".strip")).to_be_hidden()
    await guest.look("result-presenter")
    await guest.page.keyboard.press("p")  # as after a page was loaded anew
    await expect(guest.page.locator(":root:fullscreen")).to_have_count(1)
    await expect(guest.page.locator(".strip")).to_be_hidden()
    await guest.page.keyboard.press("p")
    await expect(guest.page.locator(".strip")).to_be_visible()
    await expect(guest.page.locator(":root:fullscreen")).to_have_count(0)


async def test_focus_comes_back_from_presenter_mode(running: system.System, arrive: Arrive) -> None:
    desk = await arrive(running.result.url, viewport=visitor.DESKTOP)
    button = desk.page.get_by_role("button", name="Present")
    await button.focus()
    await desk.page.keyboard.press("Enter")
    await expect(button).to_be_hidden()
    await expect(desk.page.locator("main")).to_be_focused()
    await desk.page.keyboard.press("p")
    await expect(button).to_be_focused()


async def test_languages(running: system.System, arrive: Arrive) -> None:
    chinese = await arrive(running.vote.url, locale="zh-CN")
    await expect(chinese.page.locator("html")).to_have_attribute("lang", "zh-Hans")
    await chinese.option("a").click()
    await expect(chinese.page.locator("#notice")).to_have_text("你投给了“Cats”。 可以更改。")
    await chinese.look("vote-chinese", schemes=["light"])
    await chinese.open(running.result.url)
    await expect(chinese.page.locator("#health")).to_have_text("一切正常")
    await chinese.look("result-chinese", schemes=["light"])
    # The language chosen by hand is kept, against what the browser asks for.
    await chinese.page.get_by_role("link", name="English").click()
    await expect(chinese.page.locator("#health")).to_have_text("All is well")
    await chinese.open(running.result.url)
    await expect(chinese.page.locator("html")).to_have_attribute("lang", "en")


async def test_live_region_does_not_chatter(running: system.System, arrive: Arrive) -> None:
    wall = await arrive(running.result.url)
    await expect(wall.page.locator("#health")).to_have_text("All is well")
    await wall.page.evaluate(
        """() => {
            window.spoken = [];
            const region = document.getElementById("announcer");
            new MutationObserver(() => window.spoken.push(region.textContent)).observe(region, {
                childList: true,
            });
        }"""
    )
    for _ in range(5):
        voter = await arrive(running.vote.url)
        await voter.cast("a")
    await expect(wall.page.locator("#announcer")).to_contain_text("5 votes", timeout=12_000)
    assert len(await wall.page.evaluate("window.spoken")) <= 3


async def test_reduced_motion(running: system.System, arrive: Arrive) -> None:
    wall = await arrive(running.result.url, reduced_motion="reduce")
    layer = wall.page.locator(".layer.over")
    seconds = await layer.evaluate("(it) => parseFloat(getComputedStyle(it).transitionDuration)")
    assert seconds < 0.001


@pytest.mark.parametrize("name", ["vote", "result"])
async def test_budget(running: system.System, arrive: Arrive, name: str) -> None:
    """All bytes of a first visit, headers included, as the browser counts them."""
    guest = await arrive()
    meter = await guest.context.new_cdp_session(guest.page)
    await meter.send("Network.enable")
    sizes: list[float] = []
    meter.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await guest.open(getattr(running, name).url)
    await guest.page.wait_for_load_state("networkidle")
    assert 4_000 < sum(sizes) <= NO_MORE_THAN[name], f"{sizes} bytes"


@pytest.mark.parametrize("name", ["vote", "result"])
async def test_static_files_are_kept_for_good(
    running: system.System, arrive: Arrive, name: str
) -> None:
    guest = await arrive()
    kept: dict[str, str] = {}
    guest.page.on(
        "response",
        lambda answer: kept.update({answer.url: answer.headers.get("cache-control", "")}),
    )
    await guest.open(getattr(running, name).url)
    await guest.page.wait_for_load_state("networkidle")
    files = {url: words for url, words in kept.items() if "/static/" in url}
    assert len(files) >= 3
    for url, words in files.items():
        assert re.search(r"\.[0-9a-f]{8}\.\w+$", url), url
        assert "immutable" in words, url
