"""Check Markdown links, and the wording of documents, docstrings and comments.

Run it with the files to check: `python mk/check_prose.py $(git ls-files)`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Words that this project has used in an odd sense. Each has a plain replacement.
BANNED = {
    "anew": "again",
    "mend": "fix",
    "mended": "fixed",
    "told": "reported",
    "whoever": "anyone who",
}
WORD = re.compile(rf"\b({'|'.join(BANNED)})\b", re.IGNORECASE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|^ {4}[^\n]*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the pieces of prose in a file, each with the number of its first line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        without_code = CODE.sub(lambda found: "\n" * found[0].count("\n"), text)
        yield from enumerate(without_code.splitlines(), 1)
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield getattr(node, "lineno", 1), ast.get_docstring(node) or ""
    if path.suffix in {".py", ".sh", ".yaml", ".yml", ".toml"}:
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line.partition("# ")[2]


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings in a Markdown file, as GitHub forms them."""
    headings = HEADING.findall(CODE.sub("", path.read_text(encoding="utf-8")))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(path: Path) -> Iterator[str]:
    """Yield the relative links of a Markdown file that lead nowhere."""
    for target in LINK.findall(CODE.sub("", path.read_text(encoding="utf-8"))):
        name, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (path.parent / name) if name else path
        is_broken = not file.exists() or (anchor and anchor not in anchors(file))
        if is_broken:
            yield target


def main() -> None:
    """Check the files of the command line. Exit status 1: something is wrong."""
    is_wrong = False
    for path in map(Path, sys.argv[1:]):
        if path.suffix == ".md":
            for target in broken_links(path):
                print(f"{path}: the link {target} leads nowhere: correct it")
                is_wrong = True
        for number, text in prose(path):
            for word in WORD.findall(text):
                print(f"{path}:{number}: {word!r}: write {BANNED[word.lower()]!r}")
                is_wrong = True
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()
