"""What CONTRIBUTING.md tells to type."""

import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
COLLECT = (sys.executable, "-m", "pytest", "--ignore", "tests/e2e", "--collect-only", "-q")


def test_what_is_to_run_some_tests_selects_some() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    # No parameter of this test: its name would then have the word, and be what is selected.
    told = re.findall(r'^ +make test ARGS="(.+?)"', text, re.MULTILINE)
    assert told
    for arguments in told:
        found = subprocess.run(
            [*COLLECT, *shlex.split(arguments)], cwd=ROOT, capture_output=True, text=True
        )
        assert found.returncode == 0, (arguments, found.stdout)
