"""`python chart/readme.py [--check]`: writes the tables of values into chart/README.md.

Defaults and comments come from values.yaml, those of the subcharts from theirs.
With --check it writes nothing and exits 1 when the tables are not what it would write.
"""

import argparse
import json
import pathlib
import sys
import typing
from collections.abc import Iterator

import yaml

CHART = pathlib.Path(__file__).resolve().parent
README = CHART / "README.md"
BEGIN, END = "<!-- values: made by make manifests -->\n", "<!-- end of values -->\n"
BAR = r"\|"  # ends no cell
OF_THE_PARENT = {"global", "auth"}  # what the chart's own table has of a subchart


class Value(typing.NamedTuple):
    """One line of a table. `default` is JSON."""

    path: str
    default: str
    comment: str


def values(path: pathlib.Path, prefix: str = "") -> list[Value]:
    """The values in the file at `path`. Raises `ValueError` for one without a comment."""
    text = path.read_text()
    lines = text.splitlines()
    root = yaml.compose(text, yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise ValueError(f"{path} is no mapping")
    return list(_walk(root, yaml.safe_load(text), lines, prefix))


def _walk(
    node: yaml.MappingNode, given: dict[str, typing.Any], lines: list[str], prefix: str
) -> Iterator[Value]:
    for key, value in node.value:
        path, content = f"{prefix}{key.value}", given[key.value]
        comment = _comment(lines, key.start_mark.line)
        is_group = isinstance(value, yaml.MappingNode) and value.value
        if is_group and not (comment and not _is_commented(value, lines)):
            yield from _walk(value, content, lines, f"{path}.")
        elif not comment:
            raise ValueError(f"{path}: values.yaml has no comment above it")
        else:
            yield Value(path, json.dumps(content, ensure_ascii=False), comment)


def _is_commented(node: yaml.MappingNode, lines: list[str]) -> bool:
    return any(
        _comment(lines, key.start_mark.line)
        or (isinstance(value, yaml.MappingNode) and _is_commented(value, lines))
        for key, value in node.value
    )


def _comment(lines: list[str], number: int) -> str:
    above = lines[number - 1].strip() if number else ""
    return above.removeprefix("#").strip() if above.startswith("#") else ""


def table(rows: list[Value]) -> str:
    """The values as a table in Markdown."""
    head = ["| Value | Default | What it is |", "| --- | --- | --- |"]
    for row in rows:
        cells = (f"`{row.path}`", f"`{row.default}`", row.comment)
        head.append(f"| {' | '.join(cell.replace('|', BAR) for cell in cells)} |")
    return "\n".join(head)


def tables() -> str:
    """All tables, each below its title."""
    parts = [f"### The chart\n\n{table(values(CHART / 'values.yaml'))}\n"]
    for subchart in ("redis", "postgresql"):
        rows = values(CHART / "charts" / subchart / "values.yaml", f"{subchart}.")
        own = [row for row in rows if row.path.split(".")[1] not in OF_THE_PARENT]
        parts.append(f"### The subchart {subchart}\n\n{table(own)}\n")
    return "\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    check = parser.parse_args().check
    present = README.read_text()
    before, begin, rest = present.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{README} needs the two lines {BEGIN.strip()} and {END.strip()}")
    try:
        wanted = f"{before}{begin}\n{tables()}\n{end}{after}"
    except ValueError as error:
        sys.exit(str(error))
    if check and wanted != present:
        sys.exit("chart/README.md is stale: run make manifests")
    if not check:
        README.write_text(wanted)


if __name__ == "__main__":
    main()
