"""The workflows call only what make has; `make lint` checks the rest of them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
DEFINED = re.compile(r"^([a-z][a-z0-9-]*):", re.MULTILINE)
CALLED = re.compile(r"(?:\bmake((?: [a-z][a-z0-9-]*\b(?!=))+)|target: ([a-z0-9-]+))")


def test_workflows_call_targets_that_exist() -> None:
    makefiles = [ROOT / "Makefile", *(ROOT / "mk").glob("*.mk")]
    defined = {target for path in makefiles for target in DEFINED.findall(path.read_text())}
    called = {
        target
        for path in WORKFLOWS
        for names in CALLED.findall(path.read_text())
        for target in " ".join(names).split()
    }
    assert {"test", "licenses", "e2e-cluster", "e2e-exercises", "release-files"} <= called
    assert called <= defined
