"""`python chart/readme.py [--check]`: write the tables of values in chart/README.md.

The tables are in the format of helm-docs. They contain the values with a `# --` comment.
With --check, write nothing and exit with status 1 if the tables are out of date.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parent
README = CHART / "README.md"
TABLE = re.compile(r"(?P<begin><!-- values of (?P<file>\S+) -->\n).*?(?=<!-- end -->)", re.DOTALL)
TYPES = {bool: "bool", int: "int", str: "string", list: "list", dict: "object"}
HEAD = "| Key | Type | Default | Description |\n|-----|------|---------|-------------|\n"


def values(node: yaml.Node | None, lines: list[str], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the path and the description of each value with a `# --` comment."""
    for key, below in node.value if node else ():
        path = f"{prefix}{key.value}"
        comment = lines[key.start_mark.line - 1].strip()
        if comment.startswith("# -- "):
            yield path, comment.removeprefix("# -- ")
        elif isinstance(below, yaml.MappingNode):
            yield from values(below, lines, f"{path}.")


def table(file: Path, prefix: str = "") -> str:
    """Return the table of the values in a file; `prefix` is the name of a subchart."""
    text = file.read_text()
    defaults = yaml.safe_load(text)
    rows = []
    for path, description in values(yaml.compose(text, yaml.SafeLoader), text.splitlines()):
        default: Any = defaults
        for name in path.split("."):
            default = default[name]
        kind = TYPES.get(type(default), "int")  # nodePort is null
        shown = json.dumps(default, ensure_ascii=False, separators=(",", ":"))
        rows.append(f"| {prefix}{path} | {kind} | `{shown}` | {description} |\n")
    return HEAD + "".join(rows)


def rendered(text: str) -> str:
    """Return the README with the tables that belong in it."""

    def fill(found: re.Match[str]) -> str:
        file = CHART / found["file"]
        prefix = "" if file.parent == CHART else f"{file.parent.name}."
        return f"{found['begin']}\n{table(file, prefix)}\n"

    return TABLE.sub(fill, text)


def main() -> None:
    """Write or check the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only check, change nothing")
    is_check = parser.parse_args().check
    present = README.read_text()
    wanted = rendered(present)
    if is_check and wanted != present:
        sys.exit("chart/README.md is out of date: run `make manifests`")
    if not is_check:
        README.write_text(wanted)


if __name__ == "__main__":
    main()
