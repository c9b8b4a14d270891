"""When the process that started a container is no more."""

import os
import subprocess
import sys

import psutil

from tests import orphan


def test_a_process_that_runs() -> None:
    assert not orphan.is_gone(orphan.name(psutil.Process()))


def test_a_process_that_was_killed_also_when_nobody_has_asked_for_its_end_yet() -> None:
    waits = [sys.executable, "-c", "input()"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE) as killed:
        name = orphan.name(psutil.Process(killed.pid))
        assert not orphan.is_gone(name)
        killed.kill()
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        assert orphan.is_gone(name)
    assert orphan.is_gone(name)


def test_another_process_with_the_same_number() -> None:
    earlier = psutil.Process().create_time() - 2 * orphan.CLOCK_SLACK
    assert orphan.is_gone(f"{orphan.MACHINE} {os.getpid()} {earlier}")


def test_of_another_machine_nothing_is_known() -> None:
    assert not orphan.is_gone("another-machine 1 0.0")
