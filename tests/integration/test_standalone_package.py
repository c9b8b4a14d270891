"""The servers' programs from the wheels, copied to where an unprivileged user can run them."""

import dataclasses
import subprocess
from pathlib import Path

import pytest

from standalone import account, package
from tests import place


def test_the_copied_programs_run_and_are_copied_once(tmp_path: Path) -> None:
    target = tmp_path / "programs"
    target.mkdir()
    (target / "of another version").mkdir()
    programs = package.copied(target)
    for program in dataclasses.astuple(programs):
        assert program.is_relative_to(target)
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
        assert " 18." in told.stdout or "v=9." in told.stdout
    for path in target.rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044  # whoever runs them may read
    (only,) = target.iterdir()
    made = only.stat().st_ctime_ns
    assert package.copied(target) == programs
    assert only.stat().st_ctime_ns == made


@pytest.mark.parametrize(("mode", "can"), [(0o700, False), (0o710, False), (0o711, True)])
def test_whether_another_user_can_reach_a_folder(mode: int, can: bool) -> None:
    with place.opened() as outer:
        inner = outer / "inner"
        inner.mkdir()
        inner.chmod(place.EVERYBODY)
        outer.chmod(mode)
        assert account.can_reach(account.Account(uid=65432, gid=65432, name="other"), inner) == can
        assert account.can_reach(None, inner)
        outer.chmod(place.EVERYBODY)
