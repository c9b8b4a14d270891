"""Fixtures of the tests on a real cluster: the one that KUBECONFIG names."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.browser.conftest import browser, chromium
from tests.e2e.cluster import release, space

__all__ = ["browser", "chromium"]  # fixtures of the tests of the pages


@pytest.fixture(scope="session", autouse=True)
def cluster() -> Iterator[None]:
    """Fails, and says why, where no cluster answers. At the end nothing of the tests is left."""
    for program in ("kubectl", "helm"):
        assert shutil.which(program), f"{program} is not installed"
    asked = subprocess.run(
        ["kubectl", "get", "nodes", "--request-timeout=10s"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert not asked.returncode, f"no cluster answers: {asked.stderr}"
    # What was built last, whatever the cluster had before.
    release.load(*release.IMAGES, *release.in_engine(*release.STORES))
    yield
    for name in space.leaving:
        subprocess.run(
            ["kubectl", "wait", "--for=delete", f"namespace/{name}", "--timeout=120s"], check=True
        )


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def installed() -> AsyncIterator[release.Release]:
    """The chart in a namespace of its own, for the tests of a module."""
    async with release.installed() as running:
        yield running
