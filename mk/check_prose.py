"""Check Markdown links, and the wording of documents, docstrings, comments and messages.

Run it with the files to check: `python mk/check_prose.py $(git ls-files)`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

# Each word that is not used any more, and what to write instead.
RETIRED = Path(__file__).with_name("retired_words.txt").read_text().splitlines()
INSTEAD = {old.lower(): new for old, _, new in (line.partition(": ") for line in RETIRED)}
OLD = [line.partition(": ")[0] for line in RETIRED]
WORDS = "|".join([*OLD, *map(str.capitalize, OLD)])  # not "is None", which is Python
WORD = re.compile(rf"(?<!\bthere )\b({WORDS})\b")
# A question may open like this, and so may a phrase in a cell or an item, which has no full stop.
OPENING = re.compile(
    r"(?:^|(?<=[.!?] )|(?<=[|>*-] ))(Of|Who|What)\b(?:(?!\n\n)[^.!?|])*\.(?=\s|$)", re.MULTILINE
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
INLINE_CODE = re.compile(r"`[^`\n]*`")
CODE = re.compile(r"^```.*?^```$|^ {4}[^\n]*$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def without_code(path: Path) -> str:
    """Return a Markdown file without its code. Each line keeps its number."""
    return CODE.sub(lambda found: "\n" * found[0].count("\n"), path.read_text(encoding="utf-8"))


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the pieces of prose in a file, each with the number of its first line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        yield from enumerate(without_code(path).splitlines(), 1)
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):  # docstrings and messages
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                yield node.lineno, node.value
    if path.suffix in {".py", ".sh", ".yaml", ".yml", ".toml"}:
        for number, line in enumerate(text.splitlines(), 1):
            yield number, line.partition("# ")[2]
    if path.suffix in {".css", ".js"}:
        yield from enumerate(text.splitlines(), 1)


def odd_openings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the sentences of a Markdown file that open with Of, Who or What, by their lines."""
    text = without_code(path)
    for found in OPENING.finditer(text):
        yield text.count("\n", 0, found.start()) + 1, found[1]


def anchors(path: Path) -> set[str]:
    """Return the anchors of the headings in a Markdown file, as GitHub forms them."""
    headings = HEADING.findall(without_code(path))
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def broken_links(path: Path) -> Iterator[str]:
    """Yield the relative links of a Markdown file that lead nowhere."""
    for target in LINK.findall(without_code(path)):
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
            for number, word in odd_openings(path):
                print(f"{path}:{number}: a sentence opens with {word}: begin with its subject")
                is_wrong = True
        for number, text in prose(path):
            for word in WORD.findall(INLINE_CODE.sub("", text)):
                print(f"{path}:{number}: {word!r}: write {INSTEAD[word.lower()]!r}")
                is_wrong = True
    sys.exit(is_wrong)


if __name__ == "__main__":
    main()
