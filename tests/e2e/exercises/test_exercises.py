"""The exercises: every command runs, and prints what the page says."""

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.system import System
from tests.e2e.exercises.session import ROOT, run_page, run_step

pytestmark = pytest.mark.timeout(900)

EXERCISES = sorted((ROOT / "docs" / "exercises").glob("[0-9]*.md"))
PREREQUISITE = "kubectl apply -k kustomize/overlays/dev"
KINDS = "deployments,statefulsets,services,configmaps,secrets,jobs,networkpolicies,pdb,hpa"
PODS = 5  # one each of vote, worker, result, redis and db


NEEDS = re.compile(r"^sh (docs/exercises/needs\.sh .+)$", re.MULTILINE)
# Blocks with a word after `bash` run only where this word is not what the machine lacks.
STEPS = [
    pytest.param(path, need, id=f"{path.stem}-{need}")
    for path in EXERCISES
    for need in re.findall(r"^```bash (\w+)$", path.read_text(), re.MULTILINE)
]


def skip_without(path: Path, needs: str) -> None:
    """Skip the test if the machine lacks what docs/exercises/needs.sh is asked for."""
    ended = subprocess.run(["sh", *needs.split()], cwd=ROOT, capture_output=True, text=True)
    if ended.returncode:
        pytest.skip(f"{path.name}: {'; '.join(ended.stdout.splitlines())}")


def command(*words: str) -> str:
    """Return the output of a command."""
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not ended.returncode, f"{' '.join(words)}: {ended.stderr}"
    return ended.stdout


class Dev:
    """The system in the namespace `dev` that exercises share."""

    def apply(self) -> None:
        """Start it."""
        command(*PREREQUISITE.split())
        self.ready()
        self._start = self._resources()

    def delete(self) -> None:
        """Delete it and its votes."""
        command("kubectl", "delete", "namespace", "dev")

    def ready(self) -> None:
        """Wait until its pods are ready, and no others run."""
        asyncio.run(System("dev").ready(PODS))

    def check_clean(self) -> None:
        """Check that an exercise has cleaned up."""
        assert self._resources() == self._start
        self.ready()

    def _resources(self) -> dict[str, Any]:
        found = json.loads(command("kubectl", "-n", "dev", "get", KINDS, "--output=json"))
        return {
            f"{each['kind']}/{each['metadata']['name']}": content(each) for each in found["items"]
        }


def content(resource: dict[str, Any]) -> dict[str, Any]:
    """Return what a person sets in a resource. A restart of pods leaves an annotation."""
    kept: dict[str, Any] = {key: resource[key] for key in ("spec", "data") if key in resource}
    kept.get("spec", {}).get("template", {}).get("metadata", {}).pop("annotations", None)
    return kept


@pytest.fixture(scope="session")
def system(request: pytest.FixtureRequest) -> Iterator[Dev | None]:
    """The system that an exercise needs. pytest runs the exercises of each kind together."""
    if request.param != "dev":
        yield None
        return
    dev = Dev()
    dev.apply()
    yield dev
    dev.delete()


def needs(path: Path) -> str:
    return "dev" if PREREQUISITE in path.read_text() else "its own"


@pytest.mark.parametrize(
    ("system", "path"),
    [pytest.param(needs(path), path, id=path.stem) for path in EXERCISES],
    indirect=["system"],
    scope="session",  # one system for all tests that need the same
)
def test_the_exercise_does_what_it_says(system: Dev | None, path: Path) -> None:
    for needs in NEEDS.findall(path.read_text()):
        skip_without(path, needs)
    try:
        run_page(path)
        if system:
            system.check_clean()
    except AssertionError:
        if system:  # the next exercise begins with a new one
            system.delete()
            system.apply()
        raise


@pytest.mark.parametrize(("path", "need"), STEPS)
def test_a_step_that_not_every_machine_can_do(path: Path, need: str) -> None:
    skip_without(path, f"docs/exercises/needs.sh {need}")
    run_step(path, need)
