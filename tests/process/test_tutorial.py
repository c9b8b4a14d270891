"""The commands of docs/tutorial.md, on free ports and in a folder of their own."""

import re
import shutil
import sys
from collections.abc import Iterator

import pytest

from tests import place as places
from tests.e2e.exercises.session import Session, missing_line, opened
from tests.service import ROOT, free_port

PAGE = ROOT / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(bash|ini|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# `make run` stops the earlier run, as the reader does with Ctrl-C, and returns at the banner.
COMMANDS = """
cd '{folder}'
stop() {{ test -z "${{run:-}}" || {{ kill -s TERM "$run"; wait "$run" || true; }}; }}
make() {{
  test "$1" = run || {{ '{python}' -m seed --url '{vote}' --verify '{result}'; return; }}
  stop
  '{python}' -m standalone --vote-port {vote_port} --result-port {result_port} --worker-port 0 \
    ${{2:+${{2#ARGS=}}}} >log 2>&1 & run=$!
  until grep -q 'Ctrl-C stops it' log; do
    kill -0 "$run" || {{ cat log; return 1; }}
    sleep 0.1
  done
}}
curl() {{
  local words=("${{@/localhost:8080/localhost:{vote_port}}}")
  command curl --silent --show-error "${{words[@]/localhost:8081/localhost:{result_port}}}"
}}
"""


@pytest.fixture(name="session")
def new_session() -> Iterator[Session]:
    vote_port, result_port = free_port(), free_port()
    with places.opened() as folder, opened() as session:
        (folder / ".venv").symlink_to(sys.prefix)
        commands = COMMANDS.format(
            folder=folder,
            python=sys.executable,
            vote=f"http://localhost:{vote_port}",
            result=f"http://localhost:{result_port}",
            vote_port=vote_port,
            result_port=result_port,
        )
        session.run(f"export PYTHONPATH='{ROOT}' HOST=127.0.0.1\n{commands}")
        yield session
        session.run("stop")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.timeout(120)
@pytest.mark.extended
def test_every_command_works(session: Session) -> None:
    output = ""
    for language, text in BLOCK.findall(PAGE.read_text()):
        if language == "bash":
            output = re.sub(r"localhost:\d+", "localhost:8081", session.run(text))
        elif language == "ini":
            session.run(f"cat >.env <<'END'\n{text}END")
        else:
            assert missing_line(text, output) is None, output
