"""A run of the benchmarks as it was written, a file of JSON."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench import row

COMMAND = "make bench"
FILE = Path("build/bench.json")  # where that writes it
PART = Path("build/bench-part.json")  # where a run goes that has not measured all


class Unusable(Exception):  # noqa: N818 (a state)
    """The file is no run, or lacks a row. Its text says which, and how to make one."""


class Rows(dict[str, row.Row]):
    """The rows of the run in a file, by their names."""

    def __init__(self, path: Path, rows: Iterable[row.Row]) -> None:
        super().__init__((each.row, each) for each in rows)
        self._path = path

    def __missing__(self, name: str) -> row.Row:
        """Raises `Unusable`."""
        raise Unusable(f"{self._path} lacks the row {name!r}: a whole run has it ({COMMAND})")


@dataclasses.dataclass(frozen=True)
class Run:
    """What was measured. `machine`: on what, and when. `quick`: the figures mean little."""

    machine: str
    quick: bool
    rows: Mapping[str, row.Row]

    @property
    def told(self) -> str:
        """What a reader of its figures is told of it."""
        quick = "; a quick run: the figures mean little" if self.quick else ""
        return f"Measured: {self.machine}{quick}."

    def first(self, *names: str) -> row.Row:
        """The first of these rows that there is: old runs lack some. Raises `Unusable`."""
        return self.rows[next((name for name in names if name in self.rows), names[0])]


def instead(name: str, counted: str) -> str:
    """What a reader is told of a row that an old run lacks."""
    return f"it lacks the row {name!r}: {counted!r} is counted"


def read(path: Path) -> Run:
    """The run in a file. Raises `Unusable`."""
    try:
        content = json.loads(path.read_text())
        rows = [_row(each) for each in content["rows"]]
        return Run(str(content["machine"]), bool(content["quick"]), Rows(path, rows))
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}: {COMMAND} makes one") from error
    except (ValueError, TypeError, KeyError) as error:  # no JSON, or another one
        raise Unusable(f"{path} is no run of the benchmarks: {COMMAND} makes one") from error


def write(path: Path, machine: str, rows: Iterable[row.Row], *, quick: bool) -> None:
    """Writes what `read` reads. Raises OSError."""
    content = {
        "machine": machine,
        "quick": quick,
        "rows": [{**dataclasses.asdict(each), "ratio": each.ratio} for each in rows],
    }
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def prepare(path: Path) -> None:
    """Sees to it that `write` can write there, and changes no file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    path.open("a").close()
    if is_new:
        path.unlink()


def _row(content: Mapping[str, object]) -> row.Row:
    fields = {each.name: content[each.name] for each in dataclasses.fields(row.Row)}
    made = row.Row(**fields)  # type: ignore[arg-type]
    if not isinstance(made.ours, int | float):
        raise TypeError(f"{made.row}: {made.ours!r} is no number")
    return made
