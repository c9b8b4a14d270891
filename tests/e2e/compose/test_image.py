"""The images are small, need no particular user, and are rebuilt quickly."""

import time
from pathlib import Path

import pytest

from tests import until
from tests.e2e.compose.project import IMAGES, VERSION, Project, checkout, docker, inspect, run

pytestmark = pytest.mark.timeout(300)
MOST_ADDED = 90 * 10**6  # bytes beyond the base image; OpenTelemetry has 10 million of them
REBUILT_WITHIN = 30.0  # seconds
# The strictest cluster starts a container as an unknown user who can write nowhere.
CONFINED = ("--user", "54321:54321", "--read-only", "--cap-drop", "ALL", "--network", "none")


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_only_what_its_service_needs(images: None, image: str) -> None:
    tag = f"voting-{image}:{VERSION}"
    assert inspect(tag)["Size"] - inspect("python:3.13-slim")["Size"] < MOST_ADDED
    config = inspect(tag)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    code = (
        f"import os, sys, {image}.__main__; print(*sorted(os.listdir()))\n"
        "assert not {'opentelemetry.sdk', 'requests'} & sys.modules.keys()"
    )
    run = ("run", "--rm", *CONFINED, "--entrypoint", "python", tag, "-c", code)
    assert docker(*run).split() == ["common", image]


@pytest.mark.parametrize(("image", "port"), [("vote", 8080), ("worker", 8082), ("result", 8081)])
async def test_any_user_may_run_it(images: None, image: str, port: int) -> None:
    container = docker("run", "--detach", *CONFINED, f"voting-{image}:{VERSION}")
    code = f"import urllib.request as u; u.urlopen('http://127.0.0.1:{port}/healthz')"

    def answers() -> bool:
        return run("docker", "exec", container, "python", "-c", code, status=None) == ""

    try:
        await until.true(answers, 30, lambda: docker("logs", container))
        docker("stop", "--time", "12", container)
        assert inspect(container)["State"]["ExitCode"] == 0
    finally:
        docker("rm", "--force", container)


def test_a_change_of_code_rebuilds_one_layer(images: None, tmp_path: Path) -> None:
    project = Project(checkout(tmp_path))
    project.compose("build", "vote")
    before = inspect(f"voting-vote:{VERSION}")["RootFS"]["Layers"]
    with (tmp_path / "vote" / "app.py").open("a") as file:
        file.write("# changed\n")
    began = time.monotonic()
    project.compose("build", "vote")
    assert time.monotonic() - began < REBUILT_WITHIN
    after = inspect(f"voting-vote:{VERSION}")["RootFS"]["Layers"]
    assert len(set(after) - set(before)) == 1
