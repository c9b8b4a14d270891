"""Runs the commands of a Markdown page in one bash session, and compares what they print."""

import contextlib
import os
import re
import shlex
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parents[3]
LIMIT = 180.0  # seconds for one block
# A byte after the output of each block, and another one if a command fails.
DONE, FAILED = b"\0", b"\1"
PREAMBLE = r"""trap 'printf "exit status %s\1" "$?"' EXIT"""


class Session:
    """A bash that keeps its variables from one block of commands to the next."""

    def __init__(self, bash: "subprocess.Popen[bytes]") -> None:
        self._bash = bash
        self._send(PREAMBLE)

    def run(self, commands: str) -> str:
        """Return what the commands print.

        Raises:
            AssertionError: A command failed, or the commands took longer than `LIMIT`.
        """
        self._send(f"eval {shlex.quote(commands)} </dev/null\nprintf '\\0'")
        timer = threading.Timer(LIMIT, self.end)
        timer.start()
        read, last = bytearray(), b""
        assert self._bash.stdout
        while (last := self._bash.stdout.read(1)) not in {DONE, FAILED, b""}:
            read += last
        timer.cancel()
        output = read.decode(errors="replace")
        assert last, f"{commands}{output}\nno end after {LIMIT:g} s"
        assert last == DONE, f"{commands}{output}"
        return output

    def end(self) -> None:
        """End bash and everything that it has started in the background."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)

    def _send(self, line: str) -> None:
        assert self._bash.stdin
        self._bash.stdin.write(f"{line}\n".encode())
        self._bash.stdin.flush()


@contextlib.contextmanager
def opened() -> Iterator[Session]:
    """A session in the root of the repository, as the pages assume."""
    with subprocess.Popen(
        ["bash", "-euo", "pipefail"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as bash:
        session = Session(bash)
        try:
            yield session
        finally:
            session.end()


def run_page(path: Path, *ways: str) -> None:
    """Run all blocks of commands in a page, and compare the outputs with those in the page.

    Args:
        path: The page.
        ways: Blocks with one of these words after `bash` run as well.

    Raises:
        AssertionError: A command failed or printed something else. It names the line of the page.
    """
    languages = ["bash", *(f"bash {way}" for way in ways)]
    evaluate(path, languages, CodeBlockParser("text", compare))


def run_step(path: Path, way: str) -> None:
    """Run the blocks of a page that have this word after `bash`, and no others.

    Raises:
        AssertionError: A command failed. It names the line of the page.
    """
    evaluate(path, [f"bash {way}"])


def evaluate(path: Path, languages: list[str], *parsers: CodeBlockParser) -> None:
    with opened() as session:

        def run(example: Example) -> str | None:
            try:
                example.namespace["output"] = session.run(example.parsed)
            except AssertionError as error:
                return str(error)  # Sybil adds the line of the page
            return None

        runners = [CodeBlockParser(language, run) for language in languages]
        for example in Sybil([*runners, *parsers]).parse(path).examples():
            example.evaluate()


def compare(example: Example) -> str | None:
    """Return what is wrong with the last output, if anything."""
    line = missing_line(example.parsed, example.namespace["output"])
    return line and f"no line {line!r} in this place of\n{example.namespace['output']}"


def missing_line(expected: str, output: str) -> str | None:
    """Return the first expected line that the output lacks.

    The lines must occur in this order, with any others between them. `…` stands for any text, and
    a space for any number of them.
    """
    printed = (" ".join(line.split()) for line in output.splitlines())
    for line in filter(str.strip, expected.splitlines()):
        pattern = ".*".join(map(re.escape, " ".join(line.split()).split("…")))
        if not any(re.fullmatch(pattern, each) for each in printed):
            return line
    return None
