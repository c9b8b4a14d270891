"""The images: small, the same whoever builds them, quick to rebuild, good for any user."""

import os
import pathlib
import time

import pytest

from tests import until
from tests.e2e.compose import conftest, project

BASE = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
MOST_ADDED = 60 * 10**6  # bytes beyond the base
REBUILD_WITHIN = 30.0  # seconds, on a machine that does much else; it takes 1 to 3
EPOCH = "1764000000"
# As the strictest cluster starts a container: a user nobody knows, nothing to write on.
STRANGER = (
    *("--user", "54321:54321", "--read-only", "--cap-drop", "ALL", "--network", "none"),
    *("--security-opt", "no-new-privileges"),
)
# Modules that are not there as bytecode of our build: that bears a hash of its source (PEP 552).
# What a base image may bring bears a time, and the official ones bring none.
UNCOMPILED = """
import importlib.util, pathlib, sysconfig

unused = {"test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip",
          "pydoc_data", "site-packages"}
library = pathlib.Path(sysconfig.get_path("stdlib"))
paths = [path for path in library.rglob("*.py") if not unused & set(path.parts)]
paths += [path for top in ("/app", "/opt/venv/lib") for path in pathlib.Path(top).rglob("*.py")]
compiled = {path: pathlib.Path(importlib.util.cache_from_source(path)) for path in paths}
print([str(path) for path, code in compiled.items()
       if not code.exists() or not code.read_bytes()[4]])
"""
PORTS = {"vote": 8080, "worker": 8082, "result": 8081}


def tag(service: str, version: str = project.VERSION) -> str:
    return f"voting-{service}:{version}"


def bake(folder: pathlib.Path, *arguments: str, version: str) -> None:
    environment = {**os.environ, "VERSION": version, "SOURCE_DATE_EPOCH": EPOCH}
    command = ("docker", "buildx", "bake", "--file", "docker-bake.hcl", *arguments)
    project.run(*command, cwd=folder, env=environment)


@pytest.mark.parametrize("service", project.IMAGES)
def test_it_adds_little_to_its_base(images: None, service: str, measured: conftest.Say) -> None:
    added = project.inspect(tag(service))["Size"] - project.inspect(BASE)["Size"]
    measured(f"image {service}: {added / 10**6:.1f} MB more than {BASE}")
    assert 0 < added <= MOST_ADDED


@pytest.mark.parametrize("service", project.IMAGES)
def test_it_has_what_the_service_needs_and_no_tools(images: None, service: str) -> None:
    listed = (
        "import pathlib, shutil;"
        "print(*sorted(path.name for path in pathlib.Path('/app').iterdir()));"
        "print([tool for tool in ('uv', 'gcc', 'strip', 'git', 'curl') if shutil.which(tool)]);"
        f"import {service}.__main__"
    )
    run = ("run", "--rm", *STRANGER, "--entrypoint", "python", tag(service), "-c", listed)
    assert project.docker(*run).splitlines() == [f"common {service}", "[]"]


@pytest.mark.parametrize("service", project.IMAGES)
def test_it_is_ready_compiled(images: None, service: str) -> None:
    """Nothing is compiled at the start, which a read-only container would do each time."""
    run = ("run", "--rm", *STRANGER, "--entrypoint", "python", tag(service), "-c", UNCOMPILED)
    assert project.docker(*run) == "[]"


@pytest.mark.parametrize("service", project.IMAGES)
def test_it_says_what_it_is(images: None, service: str) -> None:
    config = project.inspect(tag(service))["Config"]
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in config["Labels"].items()
    }
    assert labels["title"] == f"voting-{service}"
    assert labels["version"] == project.VERSION
    assert labels["licenses"] == "Apache-2.0"
    assert {"revision", "source", "description"} <= set(labels)
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"][:2] == ["tini", "--"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][0] == ("NONE" if service == "seed" else "CMD")


@pytest.mark.parametrize("service", PORTS)
async def test_any_user_may_run_it_on_a_read_only_disk(images: None, service: str) -> None:
    """It starts, finds no store, says so, and ends at once when asked to."""
    name = f"voting-test-any-{service}-{os.getpid()}"
    project.docker("run", "--detach", "--name", name, *STRANGER, tag(service))
    try:
        probe = ("python", "-m", "common.probe", f"http://127.0.0.1:{PORTS[service]}/healthz")

        def answers() -> bool:
            return not project.run("docker", "exec", name, *probe, status=None).returncode

        await until.true(answers, 30, lambda: project.docker("logs", name))
        project.docker("stop", "--time", "12", name)
        assert project.inspect(name)["State"]["ExitCode"] == 0
    finally:
        project.docker("rm", "--force", name)


def test_the_same_sources_give_the_same_layers(
    images: None, tmp_path: pathlib.Path, measured: conftest.Say
) -> None:
    """Once as the engine knows them, once from nothing: other times, another umask."""
    layers = []
    for umask, options in ((0o022, ()), (0o077, ("--no-cache",))):
        folder = tmp_path / f"{umask:o}"
        folder.mkdir()
        project.checkout(folder)
        for path in folder.rglob("*"):
            path.chmod(path.stat().st_mode & ~umask)
            os.utime(path, (umask, umask))
        version = f"0.0.0-test.layers{umask:o}"
        began = time.monotonic()
        bake(folder, *options, "worker", version=version)
        took = time.monotonic() - began
        layers.append(project.inspect(tag("worker", version))["RootFS"]["Layers"])
        project.docker("image", "rm", tag("worker", version))
    measured(f"build of one image from nothing {took:.1f} s")
    assert layers[0] == layers[1]


def test_a_change_of_code_is_built_quickly(
    images: None, tmp_path: pathlib.Path, measured: conftest.Say
) -> None:
    folder = project.checkout(tmp_path)
    version = "0.0.0-test.rebuilt"
    bake(folder, version=version)
    for changed, rebuilt in (("common/ballot.py", project.IMAGES), ("vote/page.py", ("vote",))):
        before = set(project.inspect(tag("vote", version))["RootFS"]["Layers"])
        with (folder / changed).open("a") as file:
            file.write("\n# changed\n")
        began = time.monotonic()
        bake(folder, *rebuilt, version=version)
        took = time.monotonic() - began
        measured(f"{changed} changed: {len(rebuilt)} images rebuilt in {took:.1f} s")
        assert took < REBUILD_WITHIN
        read = ("run", "--rm", "--entrypoint", "tail", tag("vote", version), "-1", changed)
        assert project.docker(*read) == "# changed"
        after = set(project.inspect(tag("vote", version))["RootFS"]["Layers"])
        assert len(after - before) == 1, "the layer with the code, no other"
    project.remove_images(version)
