"""A person with a browser, and what a person would not notice: errors and axe's findings."""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    ViewportSize,
    expect,
)

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 720}
# The browser's own words about a failed request. Some tests make requests fail.
NETWORK = re.compile(r"Failed to load resource|ERR_|WebSocket connection to")
# On a machine where containers start and stop, requests fail now and then.
NETWORK_CHANGED = "ERR_NETWORK_CHANGED"
PATIENCE = 31_000  # ms, longer than the vote page sends a vote again by itself


@dataclass
class Visitor:
    """One browser context: its own cookies, its own storage."""

    context: BrowserContext
    page: Page
    problems: list[str] = field(default_factory=list)
    _expects_network_errors: bool = False
    _network_changes: int = 0

    async def open(self, url: str) -> None:
        """Open a page, and again if the network of this machine changed meanwhile."""
        while True:
            before = self._network_changes
            try:
                await self.page.goto(url)
            except Error as error:
                if NETWORK_CHANGED not in error.message:
                    raise
                continue
            if before == self._network_changes:
                return

    @property
    def notice(self) -> Locator:
        """The sentence on the vote page."""
        return self.page.locator("#notice")

    @property
    def health(self) -> Locator:
        """The sentences of the strip on the result page."""
        return self.page.locator("#health")

    def option(self, id_: str) -> Locator:
        """The button of an option on the vote page."""
        return self.page.locator(f".option[value={id_}]")

    async def vote(self, id_: str) -> None:
        """Vote, and wait until the vote is recorded."""
        await self.option(id_).click()
        await expect(self.option(id_)).to_have_attribute("data-mark", "recorded")

    async def stop_clock(self) -> None:
        """Let no timer of the page end by itself."""
        await self.page.clock.install()
        await self.page.clock.pause_at(await self.page.evaluate("Date.now() + 1000"))

    async def outlast_pause(self) -> None:
        """Pass the time in which the page sends a vote again. Needs `page.clock.install()`."""
        await expect(self.notice).to_contain_text("is sent again…")
        await self.page.clock.fast_forward(PATIENCE)

    async def return_to_tab(self) -> None:
        await self.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")

    @contextlib.contextmanager
    def network_errors(self) -> Iterator[None]:
        """From here on, failed requests are no problem."""
        self._expects_network_errors = True
        yield

    async def check_accessibility(self) -> None:
        """Let axe look at the page, in light and in dark."""
        for scheme in ("light", "dark"):
            await self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await self.settled()
            found = await Axe().run(self.page)
            self.problems += [
                f"axe, {scheme}: {each['help']}: {node['target']}: {node.get('failureSummary')}"
                for each in found.response["violations"]
                for node in each["nodes"]
            ]

    async def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")

    async def settled(self) -> None:
        """Wait until all movements have ended and are drawn."""
        await self.page.evaluate(
            """async () => {
                const isFinite = (it) => it.effect.getComputedTiming().iterations !== Infinity;
                const moving = () => document.getAnimations().filter(isFinite);
                const frame = () => new Promise(requestAnimationFrame);
                await frame();
                do {  // while it waits, another movement may begin
                    await Promise.allSettled(moving().map((it) => it.finished));
                    await frame();
                    await frame();
                } while (moving().some((it) => it.playState === "running"));
            }"""
        )

    def listen(self) -> None:
        """Note console messages, exceptions, violations of the policy, and foreign requests."""

        def console(message: ConsoleMessage) -> None:
            self._network_changes += NETWORK_CHANGED in message.text
            is_expected = self._expects_network_errors or NETWORK_CHANGED in message.text
            if message.type in ("error", "warning") and not (
                is_expected and NETWORK.search(message.text)
            ):
                self.problems.append(f"console: {message.text}")

        def request(sent: Request) -> None:
            url = urlsplit(sent.url)
            if url.scheme in ("http", "https", "ws", "wss") and url.hostname != "127.0.0.1":
                self.problems.append(f"foreign request: {sent.url}")

        self.page.on("console", console)
        self.page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        self.page.on("request", request)


@contextlib.asynccontextmanager
async def arrived(browser: Browser, **options: Any) -> AsyncIterator[Visitor]:
    """Yield a visitor.

    Raises:
        AssertionError: There were problems.
    """
    context = await browser.new_context(**{"viewport": PHONE, "locale": "en-GB"} | options)
    try:
        page = await context.new_page()
        page.set_default_timeout(10_000)
        visitor = Visitor(context, page)
        visitor.listen()
        yield visitor
    finally:
        await context.close()
    assert not visitor.problems, "\n".join(visitor.problems)
