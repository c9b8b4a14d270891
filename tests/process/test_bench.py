"""A small run of the benchmarks as a process."""

import json
import signal
from pathlib import Path

import pytest

from tests import until
from tests.service import Services

pytestmark = [pytest.mark.extended, pytest.mark.timeout(120)]


async def test_a_quick_run(services: Services, tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    run = services.start("bench", "--quick", "--only=memory", f"--output={output}")
    assert await run.ended(100) == 0, run.log
    rows = json.loads(output.read_text())["rows"]
    assert [row["name"].partition(":")[0] for row in rows] == ["vote", "worker", "result"]
    assert all(row["ours"] > 0 for row in rows)


async def test_a_signal_stops_what_it_started(services: Services, tmp_path: Path) -> None:
    run = services.start("bench", "--quick", "--only=memory", TMPDIR=str(tmp_path))
    await until.true(lambda: bool(list(tmp_path.glob("vote-bench-*/data/postgres.log"))), 60)
    run.signal(signal.SIGTERM)
    assert await run.ended(30) != 0
    await until.true(lambda: not list(tmp_path.glob("vote-bench-*")), 30)
