"""A browser, its visitors, and what they visit: pages without stores, or the whole system."""

import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from tests import served, store
from tests.browser import install, system
from tests.browser.pages import ResultPage, VotePage
from tests.browser.visitor import Visitor, arrived

expect.set_options(timeout=15_000)  # ms; the tests share the machine

Serve = Callable[[VotePage | ResultPage], Awaitable[str]]
Arrive = Callable[..., Awaitable[Visitor]]
TOKEN = "a token for the tests"  # of the presenter


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program."""
    path = install.find()
    if path is None and os.environ.get("CI"):
        pytest.fail("no Chromium, but CI is set: install Chromium, or unset CI to skip these tests")
    if path is None:
        pytest.skip(f"no Chromium: {install.ADVICE}")
    return path


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=list(install.FLAGS)
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared_system(
    chromium: Path, servers: store.Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[system.System]:
    folder = tmp_path_factory.mktemp("system")
    presenter = {"FAULTS": "enabled", "PRESENTER_TOKEN": TOKEN}
    async with system.opened(servers, folder, **presenter) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="package")
async def running(shared_system: system.System) -> system.System:
    """The whole system, without any vote."""
    await shared_system.reset()
    return shared_system


@pytest_asyncio.fixture(loop_scope="package")
async def serve() -> AsyncIterator[Serve]:
    """Serves a page without stores, and returns its URL."""
    async with contextlib.AsyncExitStack() as servers:

        async def start(page: VotePage | ResultPage) -> str:
            return await servers.enter_async_context(served.opened(page.app, ready=False))

        yield start


@pytest_asyncio.fixture(loop_scope="package")
async def arrive(browser: Browser, serve: Serve) -> AsyncIterator[Arrive]:
    """Lets a visitor open a URL or a page. None of them may notice a problem.

    It depends on `serve`, so that visitors leave before their page ends.
    """
    async with contextlib.AsyncExitStack() as visitors:

        async def come(goal: str | VotePage | ResultPage, **options: Any) -> Visitor:
            visitor = await visitors.enter_async_context(arrived(browser, **options))
            await visitor.open(goal if isinstance(goal, str) else await serve(goal))
            return visitor

        yield come
