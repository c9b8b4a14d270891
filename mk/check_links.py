"""Check the relative links of Markdown files: `python mk/check_links.py $(git ls-files '*.md')`."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```.*?^```$|^ {4}[^\n]*$", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")


def without_blocks(path: Path) -> str:
    """Return a Markdown file without its blocks of code."""
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings in a Markdown file, as GitHub forms them."""
    headings = HEADING.findall(without_blocks(path))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(path: Path) -> Iterator[str]:
    """Yield the relative links of a Markdown file that lead nowhere."""
    for target in LINK.findall(INLINE_CODE.sub("", without_blocks(path))):
        name, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / name) if name else path
        is_broken = not file.exists() or (anchor and anchor not in anchors(file))
        if is_broken:
            yield target


def main() -> None:
    """Check the files of the command line. Exit status 1: a link leads nowhere."""
    broken = [(path, target) for path in map(Path, sys.argv[1:]) for target in broken_links(path)]
    for path, target in broken:
        print(f"{path}: the link {target} leads nowhere: correct it")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
