"""The images, for the exercises and the class."""

import pytest

from tests.e2e.cluster import release


@pytest.fixture(scope="session", autouse=True)
def images() -> None:
    """Load the images that were built last."""
    release.load(*release.IMAGES)
