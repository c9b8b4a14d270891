"""Groups of the benchmarks on small sizes: what is measured on a machine that lacks something."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench import broadcast_rows, core, cost_rows, node_server, rig, scaling, start_rows

FAILS = "#!/bin/sh\necho no network >&2\nexit 1\n"


@pytest.fixture
def running() -> Iterator[rig.Rig]:
    """The stores of a quick run."""
    with rig.opened(quick=True) as opened:
        yield opened


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


async def test_where_npm_fails_the_others_are_measured(
    running: rig.Rig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for program in ("node", "npm"):
        put(tmp_path / "bin" / program, FAILS)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    monkeypatch.setattr(node_server, "FOLDER", tmp_path / "packages")
    rows = await broadcast_rows.rows(running)
    assert [(each.row, each.beside) for each in rows] == [
        ("broadcast to 100 WebSockets, last one served", "websockets.broadcast"),
        ("broadcast to 100 WebSockets, memory a client", "bare websockets"),
    ]
    said = capsys.readouterr().err
    assert f"no row for Node.js: npm install failed in {tmp_path / 'packages'}" in said
    assert "no network" in said


async def test_what_is_measured_at_rest_was_compiled_before_it_started(
    running: rig.Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiling takes time and memory, and an image is compiled already."""
    monkeypatch.setattr(start_rows, "SERVICES", ("vote",))
    memory = core.memory
    looked: list[bool] = []

    def look(pid: int) -> int:
        compiled = list((running.folder / "compiled").rglob("vote/app.*.pyc"))
        began = psutil.Process(pid).create_time()
        looked.append(bool(compiled) and all(each.stat().st_mtime < began for each in compiled))
        return memory(pid)

    monkeypatch.setattr(core, "memory", look)
    rows = await start_rows.rows(running)
    assert [each.row for each in rows] == ["vote: start to first answer", "vote: memory at rest"]
    assert looked == [True]


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
async def test_all_that_a_crowd_costs_is_measured(running: rig.Rig) -> None:
    measured = {each.row for each in await cost_rows.rows(running)}
    assert {*scaling.STAGES.values(), scaling.TAKES_AT_EASE} <= measured
