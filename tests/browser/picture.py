"""Takes the two pictures of README.md: `python -m tests.browser.picture`."""

import asyncio
import pathlib
import sys
import tempfile

from playwright.async_api import async_playwright, expect

from tests import store
from tests.browser import install, system, visitor

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "images"
DESKTOP = {"width": 1280, "height": 760}
PHONE = {"width": 375, "height": 760}


async def main(chromium: pathlib.Path) -> None:
    """Votes on a phone, and shows the result on a desktop."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, store.opened() as servers:
        async with (
            async_playwright() as playwright,
            system.opened(
                servers,
                pathlib.Path(folder),
                VOTE_URL="https://vote.example.org/",
                WORKER_NAME="worker-7d9f8b-m28v2",
            ) as running,
        ):
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=list(install.FLAGS)
            )
            async with (
                visitor.arrived(browser, viewport=PHONE) as phone,
                visitor.arrived(browser, viewport=DESKTOP, reduced_motion="reduce") as wall,
            ):
                await phone.open(running.vote.url)
                await phone.vote("a")
                await phone.settled()
                await phone.page.screenshot(path=FOLDER / "vote.png")
                await running.set_tallies(a=1_204, b=987)
                await wall.open(running.result.url)
                await expect(wall.page.locator("#health")).to_have_text("All is well")
                await expect(wall.page.locator("#total")).to_have_text("2,191 votes")
                await wall.settled()
                await wall.page.screenshot(path=FOLDER / "result.png")
            await browser.close()


if __name__ == "__main__":
    found = install.find()
    if found is None:
        sys.exit("no Chromium: name one by CHROMIUM=/path")
    asyncio.run(main(found))
