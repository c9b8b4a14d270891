"""The figures of docs/scaling.md, which follow from the results of a whole run."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "bench.json"
PAGE = ROOT / "docs" / "scaling.md"
FIGURES = re.compile("(?<=<!-- figures -->\n).*(?=<!-- end of figures -->)", re.DOTALL)

TEXT = ROOT / "bench" / "figures.txt"

PROCESSES = 2  # of vote in the benchmark
VIEWERS = 5_000  # in the benchmark
MEAN = 10_000_000 / (10 * 60)  # votes per second
PEAK = 3 * MEAN
SHARE = 0.7  # of the measured capacity
LIMIT = 192  # MiB of a result replica on Kubernetes


def figures(rows: Sequence[dict[str, Any]]) -> str:
    """Return the Markdown with all figures that depend on the rows of a run."""
    ours = {row["name"]: row["ours"] for row in rows}
    scripts = rounded(ours["script posts: rate"] / PROCESSES)
    ballots = rounded(ours["worker: ballots committed"])
    memory = {
        f"{name}_memory": round(ours[f"{name}: memory at rest"])
        for name in ("vote", "worker", "result")
    }
    per_viewer = round(ours[f"broadcast to {VIEWERS:,} WebSockets: memory per client"])
    most_viewers = (LIMIT - memory["result_memory"]) * 1024 / per_viewer
    return TEXT.read_text().format(
        **memory,
        forms=rounded(ours["form posts: rate"] / PROCESSES),
        scripts=scripts,
        ballots=ballots,
        viewers=VIEWERS,
        update=ours[f"broadcast to {VIEWERS:,} WebSockets: last one served"] / 1000,
        viewer_memory=per_viewer,
        limit=LIMIT,
        most_viewers=rounded(most_viewers),
        planned_viewers=rounded(SHARE * most_viewers),
        mean=MEAN,
        peak=rounded(PEAK),
        percent=round(SHARE * 100),
        share=SHARE,
        voting=math.ceil(PEAK / (SHARE * scripts)),
        workers=math.ceil(PEAK / (SHARE * ballots)),
    )


def rounded(value: float) -> int:
    """Return the value with two significant digits, rounded down."""
    unit = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return int((value + 1e-6) // unit * unit)


def page(rows: Sequence[dict[str, Any]]) -> str:
    """Return docs/scaling.md with the figures of these rows."""
    return FIGURES.sub(lambda _: figures(rows), PAGE.read_text())


def read() -> list[dict[str, Any]]:
    """Return the rows of the last whole run."""
    rows: list[dict[str, Any]] = json.loads(RESULTS.read_text())["rows"]
    return rows


if __name__ == "__main__":
    PAGE.write_text(page(read()))
