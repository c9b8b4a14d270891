from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.compose.project import IMAGES, VERSION, Project, checkout, docker


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    docker("version")  # fails and says why if no engine answers
    return checkout(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def images(sources: Path) -> Iterator[None]:
    Project(sources).compose("--profile", "seed", "build")
    yield
    docker("image", "rm", "--force", *(f"voting-{image}:{VERSION}" for image in IMAGES))


@pytest.fixture(scope="session")
def system(sources: Path, images: None) -> Iterator[Project]:
    """The running system. A test that stops something has to start it again."""
    project = Project(sources)
    try:
        project.up()
        yield project
    finally:
        project.down()


@pytest.fixture
def other(images: None, tmp_path: Path) -> Iterator[Project]:
    """A second project that is not started and whose files may be changed."""
    project = Project(checkout(tmp_path))
    try:
        yield project
    finally:
        project.down()
