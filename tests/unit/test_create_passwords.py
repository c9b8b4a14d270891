"""compose/create_passwords.py: creates the passwords once and never replaces one."""

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "compose" / "create_passwords.py"
FILES = {
    "complete",
    "db/postgres-password",
    "db/result-password",
    "db/worker-password",
    "redis/admin-password",
    "redis/users.acl",
    "result/db_pass",
    "result/presenter_token",
    "result/redis_password",
    "vote/cookie_secret",
    "vote/redis_password",
    "worker/db_pass",
    "worker/redis_password",
}


def create(folder: Path, status: int = 0) -> str:
    command = (sys.executable, SCRIPT, folder)
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == status, ended.stderr
    return ended.stderr


def contents(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


def test_the_first_start_creates_what_every_later_start_keeps(tmp_path: Path) -> None:
    create(tmp_path)
    created = contents(tmp_path)
    assert created.keys() == FILES
    assert created["worker/db_pass"] == created["db/worker-password"]
    assert created["worker/db_pass"] != created["result/db_pass"]
    assert len(created["result/presenter_token"]) > 20
    assert all(
        len(text) > 40 for name, text in created.items() if name.endswith(("pass", "password"))
    )
    create(tmp_path)
    assert contents(tmp_path) == created


def test_redis_gets_the_hash_of_each_password(tmp_path: Path) -> None:
    create(tmp_path)
    rules = (tmp_path / "redis/users.acl").read_text()
    assert all(line.startswith("user ") for line in rules.splitlines())
    for user, file in (("vote", "vote/redis_password"), ("admin", "redis/admin-password")):
        password = (tmp_path / file).read_text()
        assert f"user {user} on #{hashlib.sha256(password.encode()).hexdigest()} " in rules
        assert password not in rules


def test_an_interrupted_first_start_is_completed(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db/worker-password").write_text("already there")
    create(tmp_path)
    assert contents(tmp_path).keys() == FILES
    assert contents(tmp_path)["worker/db_pass"] == "already there"


def test_a_volume_of_an_earlier_version_gets_the_token(tmp_path: Path) -> None:
    create(tmp_path)
    before = contents(tmp_path)
    (tmp_path / "result/presenter_token").unlink()
    create(tmp_path)
    after = contents(tmp_path)
    assert after.keys() == FILES
    assert {name for name in FILES if before[name] != after[name]} == {"result/presenter_token"}


def test_a_volume_of_version_0_2_keeps_its_passwords(tmp_path: Path) -> None:
    create(tmp_path)
    before = contents(tmp_path)
    for old, new in (
        *(("vote/cookie-secret", "vote/cookie_secret"), ("worker/db-password", "worker/db_pass")),
        *(("result/db-password", "result/db_pass"), ("vote/redis-password", "vote/redis_password")),
        ("result/presenter-token", "result/presenter_token"),
    ):
        (tmp_path / new).rename(tmp_path / old)
    create(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("text", [None, " \n"])
def test_a_lost_password_is_reported_and_not_replaced(tmp_path: Path, text: str | None) -> None:
    create(tmp_path)
    lost = tmp_path / "worker/db_pass"
    lost.unlink()
    if text is not None:
        lost.write_text(text)
    assert f"{lost} is missing or empty" in create(tmp_path, status=1)
