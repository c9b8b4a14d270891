"""The values files of docs/cloud.md: each can be installed, and makes both pages reachable."""

import re
from pathlib import Path

import pytest

from tests.deploy import manifest

PAGE = (manifest.ROOT / "docs" / "cloud.md").read_text()
# Kind of what makes a page reachable, its name, and the URL that the other page learns.
REACHABLE = {
    "load-balancer": ("Service", None),
    "ingress": ("Ingress", "https://{}.example.com/"),
    "gateway": ("HTTPRoute", "https://{}.example.com/"),
}


@pytest.mark.parametrize("path", manifest.EXAMPLES, ids=lambda path: path.stem)
def test_the_page_shows_the_whole_file(path: Path) -> None:
    assert f"```yaml\n{path.read_text()}```\n" in PAGE


@pytest.mark.parametrize("name", REACHABLE)
def test_a_file_makes_both_pages_reachable(name: str) -> None:
    kind, url = REACHABLE[name]
    made = manifest.source(f"chart {name}")
    found = {each["metadata"]["name"]: each["spec"] for each in made if each["kind"] == kind}
    assert {"vote", "vote-result"} <= set(found)
    if kind == "Service":
        assert {found[page]["type"] for page in ("vote", "vote-result")} == {"LoadBalancer"}
        assert {found[page]["ports"][0]["port"] for page in ("vote", "vote-result")} == {80}
    for page, variable, other in (
        ("vote", "RESULT_URL", "result"),
        ("vote-result", "VOTE_URL", "vote"),
    ):
        environment = manifest.environment(made, f"Deployment {page}")
        assert environment.get(variable) == (url and url.format(other))


def test_the_routes_name_listeners_of_the_gateway() -> None:
    gateway = manifest.cloud_gateway()
    listeners = {
        (gateway["metadata"]["name"], each["name"]): each.get("hostname")
        for each in gateway["spec"]["listeners"]
    }
    routes = [each for each in manifest.source("chart gateway") if each["kind"] == "HTTPRoute"]
    assert len(routes) == 2
    for route in routes:
        (parent,) = route["spec"]["parentRefs"]
        listener = listeners[parent["name"], parent["sectionName"]]
        assert route["spec"]["hostnames"] == [listener]


def test_the_page_names_every_image_of_another_registry() -> None:
    made = manifest.source("chart ingress")
    images = {
        container["image"]
        for template in manifest.pods(made).values()
        for container in manifest.containers(template)
    }
    prefix = "registry.example.com/you/"
    assert all(image.startswith(prefix) for image in images)
    copied = re.search(r"^for image in (.+?); do ", PAGE, re.MULTILINE)
    assert copied
    stores = {image.removeprefix(prefix) for image in images if "/voting-" not in image}
    assert stores == set(copied[1].split())
