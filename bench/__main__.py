"""Run the benchmarks, print a table and write it as JSON. The status is 1 if one failed."""

import argparse
import asyncio
import datetime
import json
import os
import platform
import re
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import broadcast, capacity, idle, lag, startup, system, vote, worker, wrk
from bench.row import Row, table
from bench.system import ROOT, System

GROUPS: dict[str, Callable[[System], Awaitable[list[Row]]]] = {
    "vote": vote.measure,
    "worker": worker.measure,
    "lag": lag.measure,
    "broadcast": broadcast.measure,
    "start": startup.measure_start,
    "memory": startup.measure_memory,
    "idle": idle.measure,
}
WHOLE = ROOT / "docs" / "bench.json"
PART = ROOT / "build" / "bench.json"
README = ROOT / "bench" / "README.md"
RESULTS = re.compile("(?<=<!-- results -->\n).*(?=<!-- end of results -->)", re.DOTALL)


async def measure(running: System, names: list[str]) -> tuple[list[Row], list[str]]:
    """Run benchmarks one after the other.

    Returns:
        Their rows, and the names of those that failed.
    """
    rows: list[Row] = []
    failed: list[str] = []
    for name in names:
        began = time.monotonic()
        try:
            async with running.empty():
                rows += await GROUPS[name](running)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows, failed


def describe_machine() -> str:
    """Return what the run is measured on."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(": ")[2] if names else model
    versions = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {model}, {versions}"


def main() -> None:
    """Parse the command line and run the benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", action="append", choices=GROUPS, help="run this benchmark only")
    parser.add_argument("--quick", action="store_true", help="small amounts, to see that it works")
    parser.add_argument("--output", type=Path, help=f"default: {WHOLE}, or {PART} for a part")
    options = parser.parse_args()
    names = options.only or list(GROUPS)
    if "vote" in names:
        wrk.check()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # stop what was started
    is_whole = not options.only and not options.quick
    output: Path = options.output or (WHOLE if is_whole else PART)
    with system.opened(quick=options.quick) as running:
        rows, failed = asyncio.run(measure(running, names))
    content = {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "machine": describe_machine(),
        "quick": options.quick,
        "rows": [row.as_dict() for row in rows],
    }
    output.parent.mkdir(exist_ok=True)
    output.write_text(f"{json.dumps(content, indent=2, ensure_ascii=False)}\n")
    results = f"\nMeasured {content['date']} on {content['machine']}.\n\n{table(rows)}\n\n"
    print(f"{results}written to {output}")
    if failed:
        raise SystemExit(f"bench: failed: {', '.join(failed)}")
    if output == WHOLE:
        README.write_text(RESULTS.sub(lambda _: results, README.read_text()))
        capacity.PAGE.write_text(capacity.page(content["rows"]))


if __name__ == "__main__":
    main()
