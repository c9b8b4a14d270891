"""The benchmarks as a program: what a signal leaves of them."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests import place, service, until

START_TIMEOUT = 60.0  # seconds until the stores run and the first group is being measured
END_TIMEOUT = 60.0  # seconds until all that it started has ended


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where its temporary folders go."""
    with place.opened() as opened:
        yield opened


def found(folder: Path) -> list[Path]:
    """What is in it."""
    return list(folder.iterdir())


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
async def test_a_signal_leaves_nothing_behind(
    services: service.Services, folder: Path, tmp_path: Path, name: str
) -> None:
    written = tmp_path / "written" / "bench.json"
    arguments = ("--quick", "--only", "seed", "--json", str(written))
    bench = services.start("bench", *arguments, TMPDIR=str(folder))

    def is_measuring() -> bool:
        assert bench.status is None, bench.log
        return any(folder.glob("vote-bench-*/vote-*.log"))

    await until.true(is_measuring, START_TIMEOUT, lambda: bench.log)
    below = psutil.Process(bench.pid).children(recursive=True)
    assert below
    bench.signal(signal.Signals[name])
    assert await bench.ended(END_TIMEOUT) == 130, bench.log
    assert "interrupted, nothing is written" in bench.log
    assert found(folder) == found(tmp_path / "written") == []
    await until.true(lambda: not any(map(psutil.Process.is_running, below)), END_TIMEOUT)
