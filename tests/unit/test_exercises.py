"""The form of the exercises, and how their outputs are compared. `make e2e-exercises` runs them."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.exercises.session import ROOT, missing_line, opened, run_page, run_step

FOLDER = ROOT / "docs" / "exercises"
EXERCISES = sorted(FOLDER.glob("[0-9]*.md"))
SECTIONS = ["Predict", "Run", "Observe", "Explain", "Go further", "Clean up"]


@pytest.mark.parametrize("path", EXERCISES, ids=lambda path: path.stem)
def test_an_exercise_has_its_sections_in_order(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert re.findall(r"^(Goal|Time|Prerequisites): ", text, re.MULTILINE) == [
        "Goal",
        "Time",
        "Prerequisites",
    ]


def test_the_index_lists_every_exercise() -> None:
    linked = re.findall(r"\]\(([0-9][^)]*\.md)\)", (FOLDER / "README.md").read_text())
    assert linked == [path.name for path in EXERCISES]


@pytest.mark.parametrize(
    ("expected", "missing"),
    [
        ("one\nthree", None),
        ("t…e", None),
        ("two words", None),
        ("three\none", "one"),
        ("thre", "thre"),
        ("one\none", "one"),
    ],
)
def test_expected_lines_are_whole_and_in_order(expected: str, missing: str | None) -> None:
    assert missing_line(expected, "one\n  two   words\nthree\n") == missing


def test_a_session_keeps_variables_and_reports_a_failure() -> None:
    with opened() as session:
        session.run("number=3")
        assert session.run("echo $number") == "3\n"
        with pytest.raises(AssertionError, match="exit status 1"):
            session.run("echo before\nfalse\necho after")


def test_a_failure_names_the_line_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\necho 1\n```\n\n```bash way\necho 2\n```\n\n```text\n1\n```\n")
    run_page(page)
    with pytest.raises(AssertionError, match="line 9"):
        run_page(page, "way")


@pytest.mark.parametrize(
    ("tools", "said"),
    [
        ("sh", "This machine has what the exercise needs."),
        ("sh no-such-tool", "This machine lacks the program no-such-tool: install"),
    ],
)
def test_a_script_says_what_a_machine_lacks(tools: str, said: str) -> None:
    command = ["sh", str(FOLDER / "needs.sh"), *tools.split()]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said in ended.stdout
    assert ended.returncode == ("lacks" in said)


def test_a_step_runs_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nfalse\n```\n\n```bash registry\necho 2\nfalse\n```\n")
    with pytest.raises(AssertionError, match="line 5"):
        run_step(page, "registry")
