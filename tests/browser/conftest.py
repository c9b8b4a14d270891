"""Fixtures of the tests of the pages: a browser, visitors, and the system they visit."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests import store
from tests.browser import install, system, visitor

Arrive = Callable[..., Awaitable[visitor.Visitor]]
Ask = Callable[..., Awaitable[system.Pair]]


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's program."""
    path = install.find()
    if path is None:
        pytest.skip(f"no Chromium: {install.ADVICE}")
    return path


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser(chromium: Path) -> AsyncIterator[Browser]:
    """Chromium, once for all these tests."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(
            executable_path=chromium, args=list(install.FLAGS)
        )
        yield started
        await started.close()


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def shared_system(
    chromium: Path, servers: store.Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[system.System]:
    """The system, once for all these tests. They take `running`."""
    async with system.opened(servers, tmp_path_factory.mktemp("system")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="package")
async def running(shared_system: system.System) -> system.System:
    """The system, whole, without any vote."""
    await shared_system.reset()
    return shared_system


@pytest_asyncio.fixture(loop_scope="package")
async def ask(running: system.System) -> AsyncIterator[Ask]:
    """Asks something else: starts a vote and a result service with other settings."""
    async with contextlib.AsyncExitStack() as services:

        async def start(**settings: str) -> system.Pair:
            return await services.enter_async_context(running.asking(**settings))

        yield start


@pytest_asyncio.fixture(loop_scope="package")
async def arrive(browser: Browser, ask: Ask) -> AsyncIterator[Arrive]:
    """Lets visitors come. When they leave, none may have noticed a problem.

    They leave before what they look at ends: therefore this asks for `ask`.
    """
    async with contextlib.AsyncExitStack() as visitors:

        async def come(url: str | None = None, **options: Any) -> visitor.Visitor:
            come_in = await visitors.enter_async_context(visitor.arrived(browser, **options))
            if url:
                await come_in.open(url)
            return come_in

        yield come
