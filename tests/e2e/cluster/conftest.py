"""Fixtures of the tests on a real cluster: the one that KUBECONFIG names."""

import shutil
import subprocess
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.browser.conftest import browser, chromium
from tests.e2e.cluster import release

__all__ = ["browser", "chromium"]  # fixtures of the tests of the pages


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of these tests."""
    parser.addoption("--losses", type=int, default=2, help="of each primary (default: 2)")


@pytest.fixture(scope="session", autouse=True)
def cluster() -> None:
    """Fail early if no cluster answers, and load the images that were built last."""
    for program in ("kubectl", "helm"):
        assert shutil.which(program), f"{program} is not installed"
    asked = subprocess.run(
        ["kubectl", "get", "nodes", "--request-timeout=10s"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not asked.returncode, f"no cluster answers: {asked.stderr}"
    release.load(*release.IMAGES)


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def installed() -> AsyncIterator[release.Release]:
    """The chart in a namespace of its own, for the tests of a module."""
    async with release.installed() as running:
        yield running
