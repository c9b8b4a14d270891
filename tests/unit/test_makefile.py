import subprocess

from tests import service


def test_help_lists_the_targets() -> None:
    text = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=service.ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    targets = {line.split()[0] for line in text.splitlines()}
    assert targets >= {"run", "test", "test-all", "lint", "clean"}
