"""The benchmarks: goals, the table, and what a failure leaves."""

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench.row import Row, percentile, table
from bench.system import System


def row(ours: float, **goal: float) -> Row:
    return Row("form posts", "/s", ours, 100.0, "bare ASGI app", **goal)


def test_goals() -> None:
    assert row(25, min_ratio=0.25).is_met
    assert not row(24, min_ratio=0.25).is_met
    assert row(150, max_ratio=1.5).is_met
    assert not row(151, max_ratio=1.5).is_met
    assert row(3, max_value=3).is_met
    assert not row(4, max_value=3).is_met
    assert row(1).is_met is None


def test_the_table_shows_each_part() -> None:
    _, _, *lines = table([row(12_345.6, min_ratio=0.25), row(0.1234)]).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    limit = "100 /s (bare ASGI app)"
    goal = "≥ 0.25 of the limit"
    assert cells[0] == ["form posts", "12,346 /s", limit, "123.46", goal, "yes"]
    assert cells[1] == ["form posts", "0.123 /s", limit, "0.00", "", ""]


def test_a_row_may_have_nothing_to_compare_with() -> None:
    alone = Row("idle: commands", "/s", 19.5, max_value=20)
    cells = [cell.strip() for cell in table([alone]).splitlines()[-1].strip("|").split("|")]
    assert cells == ["idle: commands", "19.5 /s", "", "", "≤ 20 /s", "yes"]
    assert alone.as_dict()["ratio"] is None


def test_percentile() -> None:
    values = [float(number) for number in range(101)]
    assert [percentile(values, share) for share in (1, 50, 99)] == [1, 50, 99]


def test_a_failure_leaves_the_other_benchmarks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Running:
        empty = contextlib.nullcontext

    @contextlib.contextmanager
    def opened(*, quick: bool) -> Iterator[Running]:
        assert quick
        yield Running()

    async def fail(_: System) -> list[Row]:
        raise RuntimeError("no success")

    async def succeed(_: System) -> list[Row]:
        return [row(50, min_ratio=0.25)]

    output = tmp_path / "bench.json"
    monkeypatch.setattr("bench.system.opened", opened)
    monkeypatch.setattr(bench, "GROUPS", {"first": fail, "second": succeed})
    monkeypatch.setattr(sys, "argv", ["bench", "--quick", f"--output={output}"])
    with pytest.raises(SystemExit, match="failed: first"):
        bench.main()
    [written] = json.loads(output.read_text())["rows"]
    assert (written["name"], written["ratio"], written["is_met"]) == ("form posts", 0.5, True)
    captured = capsys.readouterr()
    assert "no success" in captured.err
    assert "form posts" in captured.out
