"""Probes and scripts that the pods of the bundled stores run."""

import os
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import manifest

PASSWORDS = ("postgres-password", "worker-password", "result-password")
ROLES = manifest.KUSTOMIZE / "components" / "stores" / "db" / "roles.sh"
SOURCES = ("k8s", "chart default")


def redis(source: str) -> Any:
    """The container of Redis."""
    (template,) = (
        each
        for name, each in manifest.pods(manifest.source(source)).items()
        if name.startswith("StatefulSet") and name.endswith("redis")
    )
    return template["spec"]["containers"][0]


def program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run(folder: Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command that finds the programs in `folder` first."""
    path = f"{folder}:{os.environ['PATH']}"
    env = {**env, "PATH": path}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@pytest.mark.parametrize(
    ("answer", "is_ready"),
    [("PONG", True), ("NOAUTH Authentication required.", True), ("LOADING", False), ("", False)],
)
@pytest.mark.parametrize("source", SOURCES)
def test_redis_is_ready_when_it_answers(
    source: str, answer: str, is_ready: bool, tmp_path: Path
) -> None:
    program(tmp_path, "valkey-cli", f'echo "{answer}"')
    done = run(tmp_path, *redis(source)["readinessProbe"]["exec"]["command"])
    assert (done.returncode == 0) is is_ready


@pytest.mark.parametrize("password", ['a"b', "it's $HOME `id` \\", "#\u00e9 >~*"])
@pytest.mark.parametrize("source", SOURCES)
def test_redis_gets_the_hash_of_any_password(source: str, password: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(f"{password}\n")
    program(tmp_path, "valkey-server", 'printf "%s\\n" "$@"')
    *shell, script = redis(source)["command"]
    done = run(tmp_path, *shell, script.replace("/run/secrets/redis", str(tmp_path)))
    hashed = subprocess.run(
        ["sha256sum"], input=password.encode(), capture_output=True, check=True
    ).stdout.split()[0]
    assert f"#{hashed.decode()}" in done.stdout.splitlines()
    assert password not in done.stdout


@pytest.mark.parametrize("source", SOURCES)
def test_redis_syncs_each_write_and_refuses_votes_when_it_is_full(source: str) -> None:
    container = redis(source)
    assert "--appendfsync always" in container["command"][-1]
    assert "--maxmemory-policy noeviction" in container["command"][-1]
    (given,) = (each["value"] for each in container["env"] if each["name"] == "MAXMEMORY")
    limit = int(container["resources"]["limits"]["memory"].removesuffix("Mi"))
    found = re.fullmatch(r"(\d+)mb", given)
    assert found
    assert int(found[1]) <= limit * 3 / 4


@pytest.mark.parametrize("content", [None, "", "\n"])
@pytest.mark.parametrize("key", PASSWORDS)
def test_a_missing_password_stops_the_database(
    key: str, content: str | None, tmp_path: Path
) -> None:
    done = roles(tmp_path, {key: content})
    assert done.returncode == 2
    assert key in done.stderr


def test_the_roles_get_the_passwords_of_the_secret(tmp_path: Path) -> None:
    done = roles(tmp_path, {})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:3] == ["pg_ctl", "psql", "pg_ctl"]


def roles(folder: Path, changed: dict[str, str | None]) -> subprocess.CompletedProcess[str]:
    """Run the script on a volume with a database; None means that the file is missing."""
    programs, secret, data = folder / "programs", folder / "secret", folder / "data"
    for each in (programs, secret, data):
        each.mkdir()
    (data / "PG_VERSION").write_text("18\n")
    for name in ("pg_ctl", "psql"):
        program(programs, name, f"echo {name}")
    for key, content in (dict.fromkeys(PASSWORDS, "secret") | changed).items():
        if content is not None:
            (secret / key).write_text(content)
    env = {"CREDENTIALS": str(secret), "PGDATA": str(data), "POSTGRES_DB": "voting"}
    return run(programs, "bash", str(ROLES), **env)
