"""One measurement next to its limit and its goal."""

import dataclasses
import math
import statistics
from collections.abc import Iterable, Sequence

HEADER = ("Measurement", "Ours", "Limit", "Ratio", "Goal", "Met")


@dataclasses.dataclass(frozen=True)
class Row:
    """A measurement, `ours`, next to `limit`: the same thing, done with the least effort.

    Args:
        name: What was measured.
        unit: The unit of `ours` and `limit`.
        ours: The value of this system.
        limit: The value of what `limit_name` names; None if there is nothing to compare with.
        limit_name: What it is compared with.
        min_ratio: The goal, if more is better: `ours` is at least so many times `limit`.
        max_ratio: The goal, if less is better: `ours` is at most so many times `limit`.
        max_value: The goal, if it does not depend on `limit`.
    """

    name: str
    unit: str
    ours: float
    limit: float | None = None
    limit_name: str = ""
    min_ratio: float | None = None
    max_ratio: float | None = None
    max_value: float | None = None

    @property
    def ratio(self) -> float:
        """Ours divided by the limit; not a number if there is none."""
        return self.ours / self.limit if self.limit else math.nan

    @property
    def goal(self) -> str:
        """The goal as text; empty if there is none."""
        if self.min_ratio is not None:
            return f"≥ {self.min_ratio:g} of the limit"
        if self.max_ratio is not None:
            return f"≤ {self.max_ratio:g} times the limit"
        return "" if self.max_value is None else f"≤ {self.max_value:g} {self.unit}"

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met; None if there is none."""
        if self.min_ratio is not None:
            return self.ratio >= self.min_ratio
        if self.max_ratio is not None:
            return self.ratio <= self.max_ratio
        return None if self.max_value is None else self.ours <= self.max_value

    def cells(self) -> tuple[str, ...]:
        """The texts of a table row, in the order of `HEADER`."""
        return (
            self.name,
            f"{_short(self.ours)} {self.unit}",
            f"{_short(self.limit)} {self.unit} ({self.limit_name})" if self.limit else "",
            f"{self.ratio:.2f}" if self.limit else "",
            self.goal,
            {True: "yes", False: "no", None: ""}[self.is_met],
        )

    def as_dict(self) -> dict[str, object]:
        """The row for the result file."""
        ratio = round(self.ratio, 3) if self.limit else None
        more = {"ratio": ratio, "goal": self.goal, "is_met": self.is_met}
        return dataclasses.asdict(self) | more


def table(rows: Iterable[Row]) -> str:
    """Format rows as a Markdown table."""
    lines = [HEADER, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines
    )  # fmt: skip


def percentile(values: Sequence[float], share: int) -> float:
    """The value that `share` percent of `values` do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
