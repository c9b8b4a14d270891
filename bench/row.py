"""One line of the table: what was measured, beside what, and whether that is near enough."""

import dataclasses
import statistics
from collections.abc import Sequence

COLUMNS = ("row", "cores", "ours", "limit", "ratio", "goal", "met")


@dataclasses.dataclass(frozen=True)
class Row:
    """`ours` and `limit` are in `unit`; `met` is None where the row has no goal of its own."""

    row: str
    cores: str
    ours: float
    unit: str
    goal: str
    met: bool | None
    limit: float | None = None
    beside: str = ""  # what the limit is

    @property
    def ratio(self) -> float | None:
        return self.ours / self.limit if self.limit else None

    def cells(self) -> list[str]:
        """Its texts, in the order of `COLUMNS`."""
        limit = "" if self.limit is None else f"{number(self.limit)} {self.unit} ({self.beside})"
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        met = {True: "yes", False: "NO", None: ""}[self.met]
        ours = f"{number(self.ours)} {self.unit}"
        return [self.row, self.cores, ours, limit, ratio, self.goal, met]


def at_least(ratio: float, *, unit: str, ours: float, limit: float, **rest: str) -> Row:
    """More is better: at least `ratio` of the limit."""
    met = ours >= ratio * limit
    return Row(unit=unit, ours=ours, limit=limit, goal=f"≥ {ratio:g} of it", met=met, **rest)


def at_most(ratio: float, *, unit: str, ours: float, limit: float, **rest: str) -> Row:
    """Less is better: at most `ratio` times the limit."""
    met = ours <= ratio * limit
    return Row(unit=unit, ours=ours, limit=limit, goal=f"≤ {ratio:g} times it", met=met, **rest)


def below(most: float, *, unit: str, ours: float, row: str, cores: str, beside: str = "",
          limit: float | None = None) -> Row:  # fmt: skip
    """Less is better: at most `most`, whatever the limit."""
    return Row(row, cores, ours, unit, f"≤ {most:g} {unit}", ours <= most, limit, beside)


def table(rows: Sequence[Row]) -> str:
    """The rows as text, one a line, in columns."""
    lines = [list(COLUMNS), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def percentile(values: Sequence[float], share: int) -> float:
    """The value that `share` percent of `values` do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def number(value: float) -> str:
    """To three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
