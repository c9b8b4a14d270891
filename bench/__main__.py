"""`python -m bench`: measures, prints a table, and writes it as JSON too."""

import argparse
import asyncio
import dataclasses
import datetime
import importlib
import json
import platform
import sys
import time
from pathlib import Path

import uvloop

from bench import core, rig, row, wrk
from common import log

GROUPS = ("vote", "worker", "lag", "table", "broadcast", "start", "seed", "cost")
JSON = Path("build/bench.json")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=GROUPS, metavar="GROUP", help=", ".join(GROUPS)
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: only to see it work")
    parser.add_argument("--json", type=Path, default=JSON, help=f"the file (default {JSON})")
    arguments = parser.parse_args()
    try:
        wrk.check()
    except wrk.Missing as missing:
        raise SystemExit(f"{parser.prog}: {missing}") from None
    log.configure("plain", "warning")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(measure(arguments.only or GROUPS, quick=arguments.quick))
    print(f"\n{machine()}{', QUICK: no figures to go by' if arguments.quick else ''}\n")
    print(row.table(rows))
    write(arguments.json, rows, quick=arguments.quick)


async def measure(groups: list[str] | tuple[str, ...], *, quick: bool) -> list[row.Row]:
    """Measures the rows of `groups`, one after the other."""
    rows: list[row.Row] = []
    with rig.opened(quick=quick) as running:
        for group in groups:
            began = time.monotonic()
            print(f"{group} …", end="", flush=True, file=sys.stderr)
            rows += await importlib.import_module(f"bench.{group}_rows").rows(running)
            print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows


def machine() -> str:
    """What it was measured on, and when."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, {core.COUNT or '?'} cores, {_processor()},"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def write(path: Path, rows: list[row.Row], *, quick: bool) -> None:
    """The rows as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "machine": machine(),
        "quick": quick,
        "rows": [{**dataclasses.asdict(each), "ratio": each.ratio} for each in rows],
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
