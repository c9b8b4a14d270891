"""The groups of the benchmarks: what one that fails leaves of the others."""

import asyncio
import contextlib
import json
import sys
from pathlib import Path

import pytest

from bench import __main__, rig, row, run, seed_rows, start_rows, vote_rows

ROW = row.Row("r", "any", 1.0, "/s", "", None)


class Groups:
    """`seed` measures one row, `start` fails, and neither needs the stores."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.measured = 0
        self.left: asyncio.Task[None] | None = None
        self.disturbed = False
        monkeypatch.setattr(rig, "opened", lambda **_: contextlib.nullcontext())
        monkeypatch.setattr(seed_rows, "rows", self._measure)
        monkeypatch.setattr(start_rows, "rows", self._fail)

    async def _measure(self, _: rig.Rig) -> list[row.Row]:
        self.measured += 1
        self.disturbed = self.left is not None and not self.left.done()
        return [ROW]

    async def _fail(self, _: rig.Rig) -> list[row.Row]:
        self.left = asyncio.create_task(asyncio.sleep(60))
        raise RuntimeError("no such luck")


@pytest.fixture
def groups(monkeypatch: pytest.MonkeyPatch) -> Groups:
    return Groups(monkeypatch)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
    __main__.main()


def test_a_group_that_fails_is_left_out(
    groups: Groups,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "bench.json"
    with pytest.raises(SystemExit, match="not measured, see above: start"):
        call(monkeypatch, "--only", "start", "--only", "seed", "--json", path)
    assert [each["row"] for each in json.loads(path.read_text())["rows"]] == ["r"]
    said = capsys.readouterr()
    assert "no such luck" in said.err
    assert "1 /s" in said.out
    assert groups.left is not None
    assert not groups.disturbed


@pytest.mark.parametrize(
    ("names", "only", "written"),
    [
        (("seed",), (), run.FILE),
        (("seed", "start"), (), run.PART),  # one fails
        (("seed", "vote"), ("--only", "seed"), run.PART),
        (("seed",), ("--only", "seed"), run.FILE),  # which is all
        (("seed",), ("--quick",), run.PART),
    ],
)
def test_a_whole_run_is_overwritten_by_a_whole_one_alone(
    groups: Groups,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    names: tuple[str, ...],
    only: tuple[str, ...],
    written: Path,
) -> None:
    monkeypatch.setattr(__main__, "GROUPS", names)
    monkeypatch.chdir(tmp_path)
    run.FILE.parent.mkdir()
    for path in (run.FILE, run.PART):
        path.write_text("of before")
    with contextlib.suppress(SystemExit):
        call(monkeypatch, *only)
    changed = {path for path in (run.FILE, run.PART) if path.read_text() != "of before"}
    assert changed == {written}
    assert f"written to {written}" in capsys.readouterr().out
    assert groups.measured == 1


def test_a_group_that_is_named_twice_is_measured_once(
    groups: Groups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    call(monkeypatch, "--only", "seed", "--only", "seed", "--json", tmp_path / "bench.json")
    assert groups.measured == 1


def test_a_place_where_nothing_can_be_written_is_refused_before(
    groups: Groups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match=str(tmp_path)):
        call(monkeypatch, "--only", "seed", "--json", tmp_path)
    assert groups.measured == 0


def test_wrk_is_not_asked_for_where_it_is_not_needed(
    groups: Groups, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    call(monkeypatch, "--only", "seed", "--json", tmp_path / "bench.json")
    assert groups.measured == 1


def test_votes_that_were_answered_are_in_redis() -> None:
    vote_rows.check(answered=100, stored=164)
    with pytest.raises(RuntimeError, match="100 votes were answered, but Redis has 99"):
        vote_rows.check(answered=100, stored=99)
