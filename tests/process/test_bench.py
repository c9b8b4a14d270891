"""A small run of the benchmarks as a process."""

import json
from pathlib import Path

import pytest

from tests.service import Services

pytestmark = [pytest.mark.extended, pytest.mark.timeout(120)]


async def test_a_quick_run(services: Services, tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    run = services.start("bench", "--quick", "--only=memory", "--only=idle", f"--output={output}")
    assert await run.ended(100) == 0, run.log
    rows = json.loads(output.read_text())["rows"]
    names = [row["name"].partition(":")[0] for row in rows]
    assert names == ["vote", "worker", "result", *3 * ["idle"]]
    assert all(row["ours"] > 0 for row in rows)
