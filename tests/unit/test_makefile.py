"""What `make` says of itself."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).parents[2]


def test_help_is_two_columns() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert any(line.split()[0] == "manifests-check" for line in told)
    starts = {line.index(line.split(maxsplit=1)[1]) for line in told}
    assert len(starts) == 1, "\n".join(told)
