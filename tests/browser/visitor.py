"""A person with a browser, who also notices what a person would not: errors, foreign requests."""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    Error,
    Locator,
    Page,
    ViewportSize,
    expect,
)

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1440, "height": 900}
WALL: ViewportSize = {"width": 1920, "height": 1080}
SCREENS = {"phone": PHONE, "desktop": DESKTOP, "wall": WALL}
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
# What the browser itself writes to the console when a request fails, which some tests make happen.
NETWORK = re.compile(r"Failed to load resource|ERR_|WebSocket connection to")

# A machine on which containers come and go changes its network now and then.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"


@dataclass
class Visitor:
    """One browser context: its own cookies, its own storage."""

    context: BrowserContext
    page: Page
    problems: list[str] = field(default_factory=list)
    expects_network_errors: bool = False

    async def open(self, url: str) -> None:
        try:
            await self.page.goto(url)
        except Error as error:
            if NETWORK_CHANGED not in error.message:
                raise
            await self.page.goto(url)  # as a person would

    def option(self, id_: str) -> Locator:
        """The button of an option on the vote page."""
        return self.page.locator(f".option[value={id_}]")

    async def cast(self, id_: str) -> None:
        """Votes on the vote page, and waits until the vote is taken."""
        await self.option(id_).click()
        await expect(self.option(id_)).to_have_attribute("data-mark", "taken")

    @contextlib.contextmanager
    def network_errors(self, *, to_the_end: bool = False) -> Iterator[None]:
        """In this block, failed requests are no problem.

        `to_the_end`: nor after it, where what is looked at ends before the visitor leaves.
        """
        self.expects_network_errors = True
        yield
        self.expects_network_errors = to_the_end

    def listen(self) -> None:
        """Notes console errors, exceptions, violations of the policy, and foreign requests."""

        def console(message: Any) -> None:
            if message.type not in ("error", "warning"):
                return
            is_expected = self.expects_network_errors or NETWORK_CHANGED in message.text
            if not (is_expected and NETWORK.search(message.text)):
                self.problems.append(f"console: {message.text}")

        def request(asked: Any) -> None:
            host = urlsplit(asked.url).hostname
            if asked.url.startswith(("http", "ws")) and host != "127.0.0.1":
                self.problems.append(f"foreign request: {asked.url}")

        self.page.on("console", console)
        self.page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        self.page.on("request", request)

    async def overflow(self) -> float:
        """By how many pixels the page is wider than the window."""
        return float(
            await self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        )

    async def look(
        self,
        name: str,
        *,
        screens: Sequence[str] = tuple(SCREENS),
        schemes: Sequence[Scheme] = SCHEMES,
        axe: bool = True,
        full: bool = False,
    ) -> None:
        """Takes the picture of a state on these screens, in these colours; checks it by axe."""
        before = self.page.viewport_size
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        for scheme in schemes:
            await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for screen in screens:
                await self.page.set_viewport_size(SCREENS[screen])
                await self.settled()
                await self.page.screenshot(
                    path=SCREENSHOTS / f"{name}-{screen}-{scheme}.png", full_page=full
                )
                if await self.overflow() > 0:
                    self.problems.append(f"{name}: wider than the {screen}")
                # The layouts of a desktop and a wall are one, that of a phone is another.
                if axe and screen in ("phone", screens[-1]):
                    self.problems += await violations(self.page, f"{name}, {screen}, {scheme}")
        await self.page.emulate_media(reduced_motion="no-preference")
        if before:
            await self.page.set_viewport_size(before)

    async def settled(self) -> None:
        """Waits until what moved has come to rest, and was drawn."""
        await self.page.evaluate(
            """async () => {
                const isFinite = (it) => it.effect.getComputedTiming().iterations !== Infinity;
                const frame = () => new Promise(requestAnimationFrame);
                await frame();
                const moving = document.getAnimations().filter(isFinite);
                await Promise.allSettled(moving.map((it) => it.finished));
                await frame();
                await frame();
            }"""
        )


async def violations(page: Page, where: str) -> list[str]:
    """What axe finds wrong."""
    found = await Axe().run(page)
    return [
        f"axe: {where}: {each['id']}: {each['help']}: {node['target']}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


@contextlib.asynccontextmanager
async def arrived(browser: Browser, **options: Any) -> AsyncIterator[Visitor]:
    """A visitor for a block. Raises AssertionError at its end if there were problems."""
    settings: dict[str, Any] = {"viewport": PHONE, "locale": "en-GB"}
    context = await browser.new_context(**settings | options)
    try:
        page = await context.new_page()
        page.set_default_timeout(10_000)
        visitor = Visitor(context, page)
        visitor.listen()
        yield visitor
    finally:
        await context.close()
    assert not visitor.problems, "\n".join(visitor.problems)
