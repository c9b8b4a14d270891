"""Names of any length and script, in any number, on any screen."""

from typing import Literal

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Arrive
from tests.browser.pages import ResultPage, VotePage, poll_of, worker
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.extended, pytest.mark.asyncio(loop_scope="package")]

DRINKS = [
    *("Tea", "Coffee", "Water", "Juice", "Milk", "Beer", "Wine", "Cocoa", "Lemonade", "Cola"),
    *("Mate", "Kefir", "Kombucha", "Smoothie", "Espresso", "Cider", "Punch", "Sake", "Ayran"),
    *("Lassi", "Kvass", "Mead", "Whisky", "Rum", "Gin", "Sherry"),
]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
LONG = "The name of an option that somebody has pasted without reading it " * 3
POLLS = {
    **{f"{count}": poll_of(*DRINKS[:count]) for count in (2, 3, 4, 5, 9, 10, 11, 26)},
    **{f"{count}-long": poll_of(LONG, *DRINKS[1:count]) for count in (2, 5, 12, 26)},
    "words": poll_of("Donaudampfschifffahrtsgesellschaft", "W" * 60, "United States of America"),
    "chinese": poll_of("猫和所有其他小动物" * 4, "狗", title="猫还是狗" * 6),
    "emoji": poll_of("🐱", "🐶🐶🐶", "👨‍👩‍👧‍👦 Families", "🦜 Parrots", "🐢"),
    "hebrew": poll_of("חתולים", "כלבים (Dogs)", "תוכים"),
    "long-title": poll_of(title=LONG),
}
HALF = {"width": 960, "height": 540}  # of a projector
SIZES = [(320, 568), (360, 640), (390, 844), (844, 390), (960, 540), (1280, 720), (3840, 2160)]
# Whether the names have one size of type, and what does not fit.
MEASURE = """() => {
    const names = [...document.querySelectorAll(".name")];
    const sizes = names.map((name) => parseFloat(getComputedStyle(name).fontSize));
    const boxes = [...document.querySelectorAll(".option, .bar, .side")];
    const inside = (name) => {
        const box = name.closest(".option, .bar, .side").getBoundingClientRect();
        const { top, bottom, left, right } = name.getBoundingClientRect();
        return top >= box.top - 1 && bottom <= box.bottom + 1
            && left >= box.left - 1 && right <= box.right + 1;
    };
    return {
        overflow: document.documentElement.scrollWidth - window.innerWidth,
        haveOneSize: Math.max(...sizes) - Math.min(...sizes) < 1,
        outside: names.filter((name) => !inside(name)).map((name) => name.textContent),
        crowded: boxes.filter((box) => box.scrollHeight > box.clientHeight + 1).length,
    };
}"""


async def check_fit(visitor: Visitor, page: str, name: str) -> None:
    """Measure the page on each screen, and take pictures of it unless the test is a quick one."""
    for width, height in SIZES:
        await visitor.page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            await visitor.page.emulate_media(color_scheme=scheme)
            await visitor.screenshot(f"{page}-{name}-{width}-{scheme}")
        await visitor.settled()
        fits = {"overflow": 0, "haveOneSize": True, "outside": [], "crowded": 0}
        assert await visitor.page.evaluate(MEASURE) == fits, (width, height)


@pytest.mark.parametrize("name", POLLS)
async def test_names_fit_the_vote_page(arrive: Arrive, name: str) -> None:
    phone = await arrive(VotePage(POLLS[name], choice="a"), reduced_motion="reduce")
    await check_fit(phone, "vote", name)


@pytest.mark.parametrize("name", POLLS)
async def test_names_fit_the_result_page(arrive: Arrive, name: str) -> None:
    poll = POLLS[name]
    counts = {letter: 3 * 4**index for index, letter in enumerate(list(poll.options)[:9])}
    wall = await arrive(ResultPage(poll, **counts), reduced_motion="reduce")
    await expect(wall.health).to_have_text("All is well")
    await check_fit(wall, "result", name)


async def height_of(visitor: Visitor) -> int:
    await visitor.settled()
    height: int = await visitor.page.evaluate("document.documentElement.scrollHeight")
    return height


@pytest.mark.parametrize("count", [2, 5])
async def test_half_a_projector_shows_the_whole_page(arrive: Arrive, count: int) -> None:
    page = ResultPage(poll_of(*DRINKS[:count]), a=1_204, b=987)
    names = ("worker-7d9f8b-m28v2-1a2b3c", "worker-7d9f8b-x8k4p-4d5e6f")
    page.changes = {"workers": list(map(worker, names)), "waiting": 204}
    visitors = [await arrive(each, viewport=HALF) for each in (page, VotePage(page.poll))]
    wall = visitors[0].page
    await expect(wall.locator("[data-fact=workers] dd")).to_have_text("m28v2, x8k4p")
    for visitor in visitors:
        assert await height_of(visitor) <= HALF["height"]
    facts = wall.locator(".health, #pipeline dt, #pipeline dd")
    middles = await facts.evaluate_all(
        "(all) => all.map((it) => it.getBoundingClientRect()).map((it) => it.top + it.height / 2)"
    )
    assert max(middles) - min(middles) < 2
    assert await facts.evaluate_all("(all) => all.every((it) => it.scrollWidth <= it.clientWidth)")
    await page.send_pipeline(vote_page=False)
    await expect(visitors[0].health).to_contain_text("The vote page is unavailable.")
    assert await height_of(visitors[0]) <= HALF["height"]


@pytest.mark.parametrize("count", [2, 10, 26])
async def test_all_bars_fit_a_wall(arrive: Arrive, count: int) -> None:
    page = ResultPage(poll_of(*DRINKS[:count]), a=9)
    wall = await arrive(page, viewport={"width": 1280, "height": 720})
    await expect(wall.health).to_have_text("All is well")
    await wall.page.keyboard.press("p")
    await expect(wall.page.locator(".strip")).to_be_hidden()
    assert await height_of(wall) <= 720
