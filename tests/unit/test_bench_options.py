"""What the programs of the benchmarks refuse, and how: in one line, with nothing written."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import __main__, row, run, scaling, simulation

ROOT = Path(__file__).parents[2]
WHOLE = ROOT / "docs" / "bench.json"

Call = Callable[..., str]  # a program's main and its arguments; what it says as it ends


@pytest.fixture
def refusal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(main: Callable[[], None], *arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err.splitlines()
        return said[-1] if isinstance(ended.value.code, int) else str(ended.value.code)

    return call


@pytest.mark.parametrize(
    "arguments",
    (
        *(
            "--workers 0",
            "--workers 1.5",
            "--voters 0",
            "--vote 0",
            "--vote -5",
            "--vote nan",
            "--vote 1e300",
        ),
        *("--workers 1" + "0" * 400, "--voters 10000000001"),
        *("--minutes 0", "--minutes 2000", "--away -1 5", "--away 5 1", "--away 1 nan"),
    ),
)
def test_the_simulation_refuses_numbers_out_of_range(refusal: Call, arguments: str) -> None:
    said = refusal(simulation.main, "--bench", WHOLE, *arguments.split())
    assert f"argument {arguments.split()[0]}: " in said


@pytest.mark.parametrize("arguments", ["--spectators 0", "--voters x", "--minutes 0"])
def test_scaling_refuses_numbers_out_of_range(refusal: Call, arguments: str) -> None:
    said = refusal(scaling.main, "--bench", WHOLE, *arguments.split())
    assert f"argument {arguments.split()[0]}: " in said


@pytest.mark.parametrize("main", [simulation.main, scaling.main])
def test_a_plot_that_cannot_be_written_is_named(
    refusal: Call, tmp_path: Path, main: Callable[[], None]
) -> None:
    path = tmp_path / "file" / "x.svg"
    path.parent.write_text("no folder")
    assert str(path.parent) in refusal(main, "--bench", WHOLE, "--voters", 1_000, "--svg", path)
    path = tmp_path / "folder.svg"
    path.mkdir()
    assert str(path) in refusal(main, "--bench", WHOLE, "--voters", 1_000, "--svg", path)


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON", '{"rows": [{"row": "r"}]}', None])
@pytest.mark.parametrize("main", [simulation.main, scaling.main])
def test_what_is_no_run_is_named(
    refusal: Call, tmp_path: Path, main: Callable[[], None], content: str | None
) -> None:
    path = tmp_path / "bench.json"
    if content is not None:
        path.write_text(content)
    said = refusal(main, "--bench", path, "--svg", tmp_path / "x.svg")
    assert str(path) in said
    assert "make bench" in said
    assert not (tmp_path / "x.svg").exists()


@pytest.mark.parametrize(
    ("main", "missing"),
    [
        (simulation.main, "vote: votes by the page's script, rate"),
        (scaling.main, "CPU of a page: vote"),
    ],
)
def test_the_row_that_a_run_lacks_is_named(
    refusal: Call, tmp_path: Path, main: Callable[[], None], missing: str
) -> None:
    path = tmp_path / "bench.json"
    run.write(path, "a machine", [row.Row("r", "any", 1.0, "/s", "", None)], quick=True)
    said = refusal(main, "--bench", path, "--svg", tmp_path / "x.svg")
    assert re.search(rf"{re.escape(str(path))} .*{re.escape(repr(missing))}.*make bench", said)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    made = row.at_least(0.6, row="r", cores="any", unit="/s", ours=1.5, limit=2.0, beside="bare")
    run.write(path, "a machine", [made], quick=True)
    assert run.read(path) == run.Run("a machine", True, {"r": made})


@pytest.mark.parametrize("text", ["no marks", f"only\n{scaling.BEGIN}\nthe first", scaling.END])
def test_a_document_without_both_marks_stays_as_it_is(
    refusal: Call, tmp_path: Path, text: str
) -> None:
    document = tmp_path / "scaling.md"
    document.write_text(text)
    assert str(document) in refusal(scaling.main, "--bench", WHOLE, "--write", document)
    assert [each.read_text() for each in tmp_path.iterdir()] == [text]


def test_what_could_be_written_is_as_it_was(tmp_path: Path) -> None:
    old, new = tmp_path / "old.json", tmp_path / "folder" / "new.json"
    old.write_text("old")
    run.prepare(old)
    run.prepare(new)
    assert old.read_text() == "old"
    assert not new.exists()


def test_wrk_is_asked_for_where_it_is_needed(
    refusal: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {
        group
        for group in __main__.GROUPS
        if re.search(r"\bwrk\.run\b", (ROOT / "bench" / f"{group}_rows.py").read_text())
    }
    assert needed == __main__.BY_WRK
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "wrk is not installed" in refusal(__main__.main, "--only", "seed", "--only", "cost")
