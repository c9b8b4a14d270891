"""Check the Dockerfiles without an engine."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from common import tracing

ROOT = Path(__file__).parents[2]
IMAGES = ("vote", "worker", "result", "seed", "standalone")
SPECIFIC = ("# The ", "EXPOSE", "HEALTHCHECK", '    "from http', "ENTRYPOINT", "CMD", "LABEL")


def dockerfile(service: str) -> str:
    return (ROOT / service / "Dockerfile").read_text()


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    files = [ROOT / service / "Dockerfile" for service in IMAGES]
    linted = subprocess.run([hadolint, *files], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


def test_the_three_differ_only_in_their_service() -> None:
    def common(service: str) -> list[str]:
        lines = [
            line
            for line in dockerfile(service).splitlines()
            if not line.startswith(SPECIFIC) and "image.description" not in line
        ]
        return "\n".join(lines).replace(service, "SERVICE").splitlines()

    for service in ("worker", "result"):
        assert common(service) == common("vote")


def test_the_base_of_all_images_is_the_same() -> None:
    """Otherwise the images would not share their lower layers."""

    def base(service: str) -> str:
        return (
            dockerfile(service).partition("ARG PYTHON_IMAGE")[2].partition("COPY requirements/")[0]
        )

    for service in IMAGES:
        assert base(service) == base("vote")


@pytest.mark.parametrize("service", IMAGES)
def test_the_build_context_contains_what_is_copied(service: str) -> None:
    copied = re.findall(r"^COPY (?!--from)(\S+) ", dockerfile(service), re.MULTILINE)
    allowed = re.findall("^!(.+)/$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert all((ROOT / path).exists() for path in copied)
    assert {path.partition("/")[0] for path in copied} <= set(allowed)


@pytest.mark.parametrize("service", ["vote", "worker", "result"])
def test_the_packages_for_traces_are_where_the_service_looks(service: str) -> None:
    assert f"--target {tracing.PACKAGES} " in dockerfile(service)
    assert f"COPY --from=build {tracing.PACKAGES} {tracing.PACKAGES}\n" in dockerfile(service)


@pytest.mark.parametrize("service", ["vote", "worker", "result"])
def test_the_health_check_asks_the_port_of_the_service(service: str) -> None:
    settings = importlib.import_module(f"{service}.settings").Settings
    port = settings.model_fields["port"].default
    assert f"EXPOSE {port}\n" in dockerfile(service)
    assert f"'127.0.0.1', {port}" in dockerfile(service)
