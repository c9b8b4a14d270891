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


def dockerfile(service: str) -> str:
    return (ROOT / service / "Dockerfile").read_text()


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    files = [ROOT / service / "Dockerfile" for service in IMAGES]
    linted = subprocess.run([hadolint, *files], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout


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
