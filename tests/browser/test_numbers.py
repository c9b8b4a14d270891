"""How the numbers of the result page run to what the service said last."""

import asyncio
import json
import typing

import pytest
from playwright.async_api import WebSocketRoute, expect

from tests.browser import system, visitor
from tests.browser.conftest import Arrive, Ask

pytestmark = pytest.mark.asyncio(loop_scope="package")

UPDATE = 0.05  # seconds between two updates at least, as the service sends them
PAST = "2020-01-01T12:00:00+00:00"
SLOW_FRAMES = """
    window.requestAnimationFrame = (draw) => setTimeout(() => draw(performance.now()), 120);
    window.cancelAnimationFrame = clearTimeout;
"""
WATCH = """() => {
    window.seen = [];
    const main = document.querySelector("main");
    const count = document.querySelector(".side[data-id=b] .count");
    const look = () => window.seen.push(["final" in main.dataset, count.textContent]);
    new MutationObserver(look).observe(main, { attributes: true, childList: true, subtree: true });
}"""


class Channel:
    """The live channel of a page, on which also the test can speak."""

    def __init__(self) -> None:
        self.status: dict[str, typing.Any] = {}
        self.is_open = True  # for what the service says of the pipeline
        self._page: WebSocketRoute | None = None

    def pass_on(self, page: WebSocketRoute) -> None:
        self._page = page
        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(self._hear)

    def tell(self, event: str, content: object) -> None:
        assert self._page
        self._page.send("42" + json.dumps([event, content]))

    def scores(self, **counts: int) -> None:
        self.tell("scores", json.dumps(counts))

    def _hear(self, words: str | bytes) -> None:
        assert self._page
        if str(words).startswith('42["pipeline"'):
            self.status = json.loads(str(words)[2:])[1]
            if not self.is_open:
                return
        self._page.send(words)


async def watched(arrive: Arrive, url: str, script: str = "") -> tuple[visitor.Visitor, Channel]:
    """The result page, of whose numbers all is kept that is seen."""
    wall = await arrive(viewport=visitor.DESKTOP)
    channel = Channel()
    await wall.page.add_init_script(script)
    await wall.page.route_web_socket("**/socket.io/*", channel.pass_on)
    await wall.open(url)
    await expect(wall.page.locator("#health")).to_have_text("All is well", timeout=12_000)
    await wall.page.evaluate(WATCH)
    return wall, channel


async def test_they_are_drawn_however_slow_the_frames(
    running: system.System, arrive: Arrive
) -> None:
    wall, channel = await watched(arrive, running.result.url, SLOW_FRAMES)
    for count in range(60):
        channel.scores(a=0, b=1_000 + count)
        await asyncio.sleep(UPDATE)
    seen = [words for _, words in await wall.page.evaluate("window.seen")]
    assert len(dict.fromkeys(seen)) > 10, seen
    await expect(wall.page.locator("#total")).to_have_text("1,059 votes")


async def test_the_final_ones_stay(arrive: Arrive, ask: Ask) -> None:
    _, result = await ask(POLL_CLOSES_AT=PAST)
    wall, channel = await watched(arrive, result.url)
    channel.is_open = False
    channel.tell("pipeline", channel.status | {"final": False, "waiting": 3})
    await expect(wall.page.locator("#final")).to_be_hidden()
    channel.scores(a=0, b=1_000)
    channel.tell("pipeline", channel.status | {"final": True})
    await expect(wall.page.locator("#final")).to_be_visible()
    channel.scores(a=0, b=2_000)
    await expect(wall.page.locator("#total")).to_have_text("2,000 votes")
    seen = await wall.page.evaluate("window.seen")
    first = next(at for at, (is_final, _) in enumerate(seen) if is_final)
    numbers = list(dict.fromkeys(words for _, words in seen[first:]))
    assert numbers[0] == "1,000 votes" and len(numbers) > 2, numbers
    assert numbers == sorted(numbers)
