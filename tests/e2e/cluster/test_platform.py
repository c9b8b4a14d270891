"""The commands of docs/test-a-platform.md, on this platform and on one that breaks promises."""

import contextlib
import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.release import CHART, NAME
from tests.e2e.exercises.session import ROOT, opened, run_page

pytestmark = pytest.mark.timeout(900)

PAGE = ROOT / "docs" / "test-a-platform.md"
NAMESPACE = "platform-check"
FUNCTIONS, INSTALL, TEST, CAST, FAULT, UNINSTALL, _ = re.findall(
    r"^```bash\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
)
# A database that loses every vote, although it confirms the commit.
LOSES = """
CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER lose BEFORE INSERT ON votes FOR EACH ROW EXECUTE FUNCTION lose();
"""
# A process that does not react to SIGTERM.
HANGS = """
import os, signal
from pathlib import Path
for each in Path("/proc").glob("[0-9]*"):
    if b"worker" in (each / "cmdline").read_bytes() and int(each.name) not in (1, os.getpid()):
        os.kill(int(each.name), signal.SIGSTOP)
"""


def kubectl(*arguments: str) -> None:
    command = ("kubectl", "--namespace", NAMESPACE, *arguments)
    subprocess.run(command, check=True, capture_output=True)


def scale_worker(replicas: int) -> None:
    kubectl("scale", "deployment/vote-worker", f"--replicas={replicas}")
    if replicas:
        kubectl("rollout", "status", "deployment/vote-worker", "--timeout=60s")
    else:
        kubectl("wait", "--for=delete", "pod", "-lapp.kubernetes.io/name=worker", "--timeout=60s")


def sql(statement: str) -> None:
    psql = ("psql", "--username=postgres", "--dbname=voting", "--command", statement)
    kubectl("exec", "vote-db-0", "--", *psql)


def fails(command: str) -> str:
    """What a command of the page prints that must fail."""
    with opened() as session:
        session.run(FUNCTIONS)
        with pytest.raises(AssertionError, match="exit status 1") as failed:
            session.run(command)
    return str(failed.value)


@pytest.fixture
def namespace() -> Iterator[None]:
    yield
    subprocess.run(["kubectl", "delete", "namespace", NAMESPACE], capture_output=True, check=False)


@pytest.mark.usefixtures("namespace")
def test_this_platform_is_correct() -> None:
    run_page(PAGE)


@pytest.mark.usefixtures("namespace")
def test_each_command_finds_a_broken_promise() -> None:
    subprocess.run(["kubectl", "create", "namespace", NAMESPACE], check=True)
    kubectl("create", "quota", "no-pods", "--hard=pods=0")
    fails(INSTALL.replace("5m", "10s"))
    kubectl("delete", "quota", "no-pods")
    helm = ("helm", "--namespace", NAMESPACE, "--wait", "--timeout=5m")
    subprocess.run([*helm, "upgrade", NAME, CHART], check=True, capture_output=True)

    scale_worker(0)
    fails(TEST.replace("2m", "10s"))
    kubectl("delete", "pod", "vote-test")
    impatient = "cast --set waitTimeout=10 "
    assert "instead of" in fails(FAULT.replace("cast ", impatient))  # no worker comes back
    scale_worker(1)

    sql(LOSES)
    assert "grew by a 0" in fails(CAST.replace("cast ", impatient))
    sql("DROP FUNCTION lose CASCADE")

    with contextlib.suppress(subprocess.CalledProcessError):  # exec ends with what it stops
        kubectl("exec", "deployment/vote-worker", "-c", "worker", "--", "python", "-c", HANGS)
    fails(UNINSTALL)
