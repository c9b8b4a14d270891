"""The class: every command of docs/class.md, once for each way to run the system."""

import pytest

from tests.e2e.exercises.session import ROOT, run_page

pytestmark = pytest.mark.timeout(1200)

WAYS = {
    "Compose": ("compose",),
    "k8s": ("kubernetes", "k8s"),
    "Helm": ("kubernetes", "helm"),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_demonstration_works(way: str) -> None:
    for name in (".env", "class.yaml"):
        assert not (ROOT / name).exists(), f"move {name} aside: the class writes and deletes it"
    run_page(ROOT / "docs" / "class.md", *WAYS[way])
