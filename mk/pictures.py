"""Take the pictures of README.md and docs/: `make pictures`.

The moving one shows /system while a worker is killed: the ballots that it had claimed return.
"""

import asyncio
import io
import pathlib
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright, expect
from redis.asyncio import Redis

from common import faults
from tests import service, store
from tests.browser import install, system, visitor

FOLDER = pathlib.Path(__file__).resolve().parents[1] / "docs" / "images"
DESKTOP = {"width": 1280, "height": 760}
PHONE = {"width": 375, "height": 760}
BIG_SCREEN = {"width": 960, "height": 540}
PODS = ("7d9f8b-m28v2", "7d9f8b-q4xk9", "7d9f8b-w7bzt")
MANY = re.compile(r"\d\d claimed")
RATE = 30  # votes per second
SLOW_COMMIT = 900  # ms; long enough to see what a worker has claimed
FRAME = 0.12  # seconds between two pictures
# Seconds that are shown before a worker is killed, until it is started again, and after that.
BEFORE, AFTER, AGAIN = 2.5, 6.0, 5.0
PAUSE = 2.0  # seconds before it begins again
COLORS = 64
MOST_BYTES = 2_000_000


async def main(chromium: pathlib.Path) -> None:
    """Take all pictures, on a system with real stores."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, store.opened() as servers:
        async with (
            async_playwright() as playwright,
            system.opened(
                servers,
                pathlib.Path(folder),
                VOTE_URL="https://vote.example.org/",
                FAULTS="enabled",
                PRESENTER_TOKEN="a token that is not used",  # noqa: S106 (a token of no real presenter)
            ) as running,
        ):
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=list(install.FLAGS)
            )
            await show_pages(browser, running)
            await show_system(browser, running)
            await browser.close()


async def show_pages(browser: Browser, running: system.System) -> None:
    """Vote on a phone, and show the result on a desktop."""
    async with (
        visitor.arrived(browser, viewport=PHONE) as phone,
        visitor.arrived(browser, viewport=DESKTOP, reduced_motion="reduce") as screen,
    ):
        await phone.open(running.vote.url)
        await phone.vote("a")
        await phone.settled()
        await phone.page.screenshot(path=FOLDER / "vote.png")
        await running.set_tallies(a=1_204, b=987)
        await screen.open(running.result.url)
        await expect(screen.page.locator("#health")).to_have_text("All is well")
        await expect(screen.page.locator("#total")).to_have_text("2,191 votes")
        await screen.settled()
        await screen.page.screenshot(path=FOLDER / "result.png")


async def show_system(browser: Browser, running: system.System) -> None:
    """Kill one of three workers under load, and record what /system shows."""
    await running.reset()
    await running.worker.terminate()
    workers = {name: start(running, name) for name in (f"worker-{pod}" for pod in PODS)}
    for worker in workers.values():
        await worker.ready()
    async with Redis.from_url(running.stores.redis_url) as client:
        await faults.add(client, faults.create("slow-commit", value=SLOW_COMMIT))
    load = ("--rate", str(RATE), "--duration", "60")
    running.services.start("seed", "--url", running.vote.url, *load)
    async with visitor.arrived(browser, viewport=BIG_SCREEN) as screen:
        await screen.open(f"{running.result.url}/system?present")
        boxes = screen.page.locator(".replicas[data-service=worker] .replica")
        await expect(boxes.filter(has_text="slow commit")).to_have_count(len(PODS))
        await expect(boxes.filter(has_text=MANY)).to_have_count(1)
        movie = Movie(screen.page)
        await movie.record(BEFORE)
        await screen.page.screenshot(path=FOLDER / "system.png")
        key = await boxes.filter(has_text=MANY).first.get_attribute("data-key")
        name = str(key).removeprefix("worker:")
        await workers[name].kill()
        await movie.record(AFTER)
        start(running, name)
        await movie.record(AGAIN)
        movie.save(FOLDER / "system.gif")


def start(running: system.System, name: str) -> service.Service:
    """Start a worker with that name."""
    return running.services.start("tests.worker", f"--name={name}", **running.environment)


@dataclass
class Movie:
    """Pictures of a page, and when each was taken."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    async def record(self, seconds: float) -> None:
        """Take pictures for some time."""
        end = time.monotonic() + seconds
        while (start := time.monotonic()) < end:
            picture = Image.open(io.BytesIO(await self.page.screenshot()))
            self.frames.append(picture.convert("RGB"))
            self.times.append(start)
            await asyncio.sleep(max(0, start + FRAME - time.monotonic()))

    def save(self, path: pathlib.Path) -> None:
        """Write an animated GIF that runs as fast as the page did."""
        palette = self.frames[-1].quantize(COLORS)
        first, *others = (
            frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in self.frames
        )
        ends = [*self.times[1:], self.times[-1] + PAUSE]
        durations = [
            round(1000 * (end - start)) for start, end in zip(self.times, ends, strict=True)
        ]
        first.save(path, save_all=True, append_images=others, duration=durations, loop=0)
        size = path.stat().st_size
        if size > MOST_BYTES:
            sys.exit(f"{path} has {size:,} bytes, more than {MOST_BYTES:,}: record a shorter time")


if __name__ == "__main__":
    found = install.find()
    if found is None:
        sys.exit("no Chromium: name one with CHROMIUM=/path")
    asyncio.run(main(found))
