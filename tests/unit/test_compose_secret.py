"""The secrets of a Compose project: made once, never overwritten, missed when they are lost."""

import hashlib
import itertools
import os
import pathlib
import subprocess
import sys

import pytest

from compose import secret

ROOT = pathlib.Path(__file__).parents[2]


def contents(folder: pathlib.Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_first_start_makes_them_and_the_next_keeps_them(tmp_path: pathlib.Path) -> None:
    assert secret.prepare(tmp_path) is True
    made = contents(tmp_path)
    assert {place for places in secret.PLACES for place in places} < set(made)
    assert secret.prepare(tmp_path) is False
    assert contents(tmp_path) == made


def test_they_are_long_random_and_readable_by_any_user(tmp_path: pathlib.Path) -> None:
    secret.prepare(tmp_path)
    values = {(tmp_path / places[0]).read_text() for places in secret.PLACES}
    assert len(values) == len(secret.PLACES)
    assert all(len(value) >= 40 for value in values)
    for places in secret.PLACES:
        assert len({(tmp_path / place).read_text() for place in places}) == 1
    assert all(path.stat().st_mode & 0o777 == 0o444 for path in tmp_path.rglob("*-*"))


def test_the_users_of_redis_have_the_hash_of_their_password(tmp_path: pathlib.Path) -> None:
    secret.prepare(tmp_path)
    lines = (tmp_path / "redis" / "users.acl").read_text().splitlines()
    assert all(line.startswith("user ") for line in lines), "Redis takes no comment"
    users = {line.split()[1]: line.split() for line in lines}
    assert users["default"][2:] == ["off", "~*", "&*", "+@all"]  # rights that nobody has by that
    for user, place in secret.REDIS_USERS.items():
        password = (tmp_path / place).read_text()
        assert f"#{hashlib.sha256(password.encode()).hexdigest()}" in users[user]
    texts = "".join(lines)
    assert not any((tmp_path / place).read_text() in texts for place in secret.REDIS_USERS.values())


def test_users_follow_the_template_at_each_start(tmp_path: pathlib.Path) -> None:
    secret.prepare(tmp_path)
    users = tmp_path / "redis" / "users.acl"
    made = users.read_text()
    secret.write(users, "user default on nopass ~* +@all\n")
    secret.prepare(tmp_path)
    assert users.read_text() == made


@pytest.mark.parametrize("place", [place for places in secret.PLACES for place in places])
@pytest.mark.parametrize("loss", ["missing", "empty", "blank"])
def test_a_lost_secret_is_named_and_not_made_anew(
    tmp_path: pathlib.Path, place: str, loss: str
) -> None:
    """A new one would lock everybody out of what was made with the old one."""
    secret.prepare(tmp_path)
    (tmp_path / place).unlink()
    if loss != "missing":
        secret.write(tmp_path / place, {"empty": "", "blank": " \n"}[loss])
    with pytest.raises(secret.SecretError, match=f"{place} is missing or empty") as raised:
        secret.prepare(tmp_path)
    assert "restore the volume" in str(raised.value)


def test_a_first_start_that_was_killed_is_finished_by_the_next(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after each of its writes in turn: what was made stays, the rest is made, all agree."""

    class KilledError(Exception):
        pass

    for survived in itertools.count():
        folder = tmp_path / str(survived)
        folder.mkdir()
        write, writes = secret.write, 0

        def until_killed(path: pathlib.Path, text: str) -> None:
            nonlocal writes
            if writes == survived:  # noqa: B023 (used in this round alone)
                raise KilledError
            writes += 1
            write(path, text)  # noqa: B023

        with monkeypatch.context() as patched:
            patched.setattr(secret, "write", until_killed)
            try:
                secret.prepare(folder)
                break
            except KilledError:
                before = contents(folder)
        assert secret.prepare(folder) is True
        after = contents(folder)
        assert {path: after[path] for path in before} == before
        for places in secret.PLACES:
            assert len({after[place] for place in places}) == 1
    assert survived > len(secret.PLACES)


def test_the_command_says_what_is_wrong_and_ends_with_2(tmp_path: pathlib.Path) -> None:
    def command(folder: pathlib.Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "compose.secret", folder],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )

    made = command(tmp_path)
    assert (made.returncode, made.stderr) == (0, "secrets: made\n")
    (tmp_path / "vote" / "cookie-secret").unlink()
    lost = command(tmp_path)
    assert lost.returncode == 2
    assert lost.stderr.startswith(f"secrets: {tmp_path}/vote/cookie-secret is missing or empty")
    nowhere = command(tmp_path / "nowhere")
    assert nowhere.returncode == 2
    assert "No such file or directory" in nowhere.stderr
