"""The system under test: built and started once from a copy of the sources, as a new user would."""

import pathlib
import time
from collections.abc import Callable, Iterator

import pytest

from tests.browser import install
from tests.e2e.compose import project as projects

Say = Callable[[str], None]


@pytest.fixture(scope="session")
def chromium() -> pathlib.Path:
    """The browser's program. Not skipped without: these tests are asked for by name."""
    found = install.find()
    assert found, install.ADVICE
    return found


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A checkout that nobody has worked in."""
    projects.docker("version")  # fails here, and says why, where no engine answers
    return projects.checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def images(sources: pathlib.Path, measured: Say) -> Iterator[None]:
    """All images, of these sources."""
    builder = projects.Project(sources)
    began = time.monotonic()
    builder.compose("--profile", "seed", "build")
    measured(f"build of four images, with what the engine knows, {time.monotonic() - began:.1f} s")
    yield
    projects.remove_images(projects.VERSION)


@pytest.fixture(scope="session")
def system(sources: pathlib.Path, images: None, measured: Say) -> Iterator[projects.Project]:
    """The running system. A test that stops something starts it again."""
    started = projects.Project(sources)
    try:
        began = time.monotonic()
        started.compose("up", "--build", "--detach", "--wait")
        measured(f"cold start, from nothing to healthy, {time.monotonic() - began:.1f} s")
        yield started
    finally:
        started.down()


@pytest.fixture
def other(sources: pathlib.Path, images: None) -> Iterator[projects.Project]:
    """A second project beside the running one, not started."""
    made = projects.Project(sources)
    try:
        yield made
    finally:
        made.down()
