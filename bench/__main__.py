"""`python -m bench`: measures, prints a table, and writes it as JSON too.

The status is 1 if something could not be measured; the table has the rest.
"""

import argparse
import asyncio
import datetime
import importlib
import platform
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import uvloop

from bench import core, rig, row, run, wrk
from common import log

GROUPS = ("vote", "worker", "lag", "table", "broadcast", "start", "seed", "cost")
BY_WRK = {"vote", "lag", "cost"}  # what wrk makes the load for
INTERRUPTED = 130  # the status of a program that SIGINT has ended, as shells have it


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=GROUPS, metavar="GROUP", help=", ".join(GROUPS)
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: only to see it work")
    parser.add_argument(
        "--json",
        type=Path,
        help=f"the file (default {run.FILE}; {run.PART} if --quick, or not all was measured)",
    )
    arguments = parser.parse_args()
    groups = list(dict.fromkeys(arguments.only or GROUPS))
    whole, part = (arguments.json or each for each in (run.FILE, run.PART))
    try:
        if BY_WRK.intersection(groups):
            wrk.check()
        for path in (whole, part):
            run.prepare(path)
    except (wrk.Missing, OSError) as trouble:
        raise SystemExit(f"{parser.prog}: {trouble}") from None
    log.configure("plain", "warning")
    # As Ctrl-C: what has been started ends, and no folder is left.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rows, failed = runner.run(measure(groups, quick=arguments.quick))
    except KeyboardInterrupt:
        print(f"\n{parser.prog}: interrupted, nothing is written", file=sys.stderr)
        raise SystemExit(INTERRUPTED) from None
    print(f"\n{machine()}{', QUICK: no figures to go by' if arguments.quick else ''}\n")
    print(row.table(rows))
    is_whole = set(groups) == set(GROUPS) and not failed and not arguments.quick
    path = whole if is_whole else part
    run.write(path, machine(), rows, quick=arguments.quick)
    print(f"\nwritten to {path}")
    if failed:
        raise SystemExit(f"{parser.prog}: not measured, see above: {', '.join(failed)}")


async def measure(groups: Sequence[str], *, quick: bool) -> tuple[list[row.Row], list[str]]:
    """Measures `groups`, one after the other: their rows, and the groups that failed."""
    rows: list[row.Row] = []
    failed: list[str] = []
    with rig.opened(quick=quick) as running:
        for group in groups:
            began = time.monotonic()
            print(f"{group} …", end="", flush=True, file=sys.stderr)
            try:
                rows += await importlib.import_module(f"bench.{group}_rows").rows(running)
            except Exception:
                if _is_interrupted():  # and what failed did so while it ended
                    raise asyncio.CancelledError from None
                print(f" failed\n{traceback.format_exc()}", file=sys.stderr)
                failed.append(group)
                await _end_others()
            else:
                print(f" {time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows, failed


def _is_interrupted() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def _end_others() -> None:
    """Ends what a group that failed has left running, which would disturb the next."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def machine() -> str:
    """What it was measured on, and when."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        f"{now:%Y-%m-%d %H:%M} UTC, {core.COUNT or '?'} cores, {_processor()},"
        f" {platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    main()
