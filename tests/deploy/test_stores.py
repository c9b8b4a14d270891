"""What the pods of the bundled stores run besides the stores: a probe and a script."""

import asyncio
import os
import pathlib
import re
import stat
import subprocess

import pytest

from standalone import package
from tests import place, until
from tests.deploy import manifest

PASSWORDS = ("postgres-password", "worker-password", "result-password")
ROLES = manifest.KUSTOMIZE / "base" / "db" / "roles.sh"


def program(folder: pathlib.Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def run(folder: pathlib.Path, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A command that finds the programs in `folder` before any others."""
    path = f"{folder}:{os.environ['PATH']}"
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**env, "PATH": path}
    )


# What valkey-cli prints: to standard output, and to standard error.
@pytest.mark.parametrize(
    ("answer", "error", "is_well"),
    [
        ("PONG", "", True),
        ("NOAUTH Authentication required.", "AUTH failed: WRONGPASS invalid username", True),
        ("LOADING Valkey is loading the dataset in memory", "", False),
        ("", "Could not connect to Valkey at 127.0.0.1:6379: Connection refused", False),
    ],
)
@pytest.mark.parametrize("source", ["k8s", "overlays/dev", "chart default"])
def test_redis_is_well_whatever_password_its_secret_has(
    source: str, answer: str, error: str, is_well: bool, tmp_path: pathlib.Path
) -> None:
    (redis,) = (
        template["spec"]["containers"][0]
        for name, template in manifest.pod_specs(manifest.source(source)).items()
        if name.startswith("StatefulSet") and name.endswith("redis")
    )
    program(tmp_path, "valkey-cli", f'echo "{answer}"; echo "{error}" >&2')
    for kind in ("startupProbe", "readinessProbe"):
        done = run(tmp_path, *redis[kind]["exec"]["command"])
        assert (done.returncode == 0) is is_well, kind


@pytest.mark.parametrize("password", ['a"b', '"ab"', "it's $HOME `id` \\", "#\u00e9 >~*"])
@pytest.mark.parametrize("source", ["k8s", "overlays/dev", "chart default"])
async def test_any_password_will_do_for_redis(source: str, password: str) -> None:
    (server,) = (
        template["spec"]["containers"][0]
        for name, template in manifest.pod_specs(manifest.source(source)).items()
        if name.startswith("StatefulSet") and name.endswith("redis")
    )
    *shell, script = server["command"]
    with place.opened("vote-redis-") as folder:
        socket, log = folder / "socket", folder / "log"
        (folder / "password").write_text(f"{password}\n")
        valkey = package.installed().valkey_server
        noted = f'printf "%s\\n" "$@" > "{folder}/arguments"'
        run_here = f'exec "{valkey}" "$@" --port 0 --unixsocket "{socket}"'
        program(folder, "valkey-server", f"{noted}\n{run_here}")
        with log.open("w") as output:
            started = await asyncio.create_subprocess_exec(
                *shell,
                script.replace("/run/secrets/redis", str(folder)).replace("/data", str(folder)),
                stdout=output,
                stderr=output,
                env={"PATH": f"{folder}:{os.environ['PATH']}"},
            )
        ended = asyncio.create_task(started.wait())
        try:
            await until.true(lambda: "Ready to accept" in log.read_text() or ended.done())
            assert not ended.done(), log.read_text()
            # Valkey 8 misreads quotes in its command line, and logs what it cannot read.
            assert password not in (folder / "arguments").read_text()
            assert (await asked(socket, "PING")).startswith("-NOAUTH")
            assert (await asked(socket, "AUTH", f"{password}x")).startswith("-WRONGPASS")
            assert (await asked(socket, "AUTH", password)) == "+OK"
        finally:
            if not ended.done():
                started.terminate()
            await ended


async def asked(socket: pathlib.Path, *words: str) -> str:
    """What Redis answers to a command, which it is asked without any greeting."""
    reader, writer = await asyncio.open_unix_connection(socket)
    encoded = [word.encode() for word in words]
    parts = [b"*%d" % len(words), *(b"$%d\r\n%s" % (len(word), word) for word in encoded), b""]
    writer.write(b"\r\n".join(parts))
    try:
        return (await reader.readline()).decode().rstrip()
    finally:
        writer.close()


@pytest.mark.parametrize("source", ["k8s", "overlays/dev", "chart default"])
def test_a_full_redis_refuses_votes_before_it_would_be_killed(source: str) -> None:
    (redis,) = (
        template["spec"]["containers"][0]
        for name, template in manifest.pod_specs(manifest.source(source)).items()
        if name.startswith("StatefulSet") and name.endswith("redis")
    )
    assert '--maxmemory "${MAXMEMORY:-0}" --maxmemory-policy noeviction' in redis["command"][-1]
    (given,) = (each["value"] for each in redis["env"] if each["name"] == "MAXMEMORY")
    bound = re.fullmatch(r"(\d+)mb", given)
    limit = re.fullmatch(r"(\d+)Mi", redis["resources"]["limits"]["memory"])
    assert bound
    assert limit
    assert int(bound[1]) <= int(limit[1]) * 3 / 4


@pytest.mark.parametrize("volume", ["empty", "kept"])
@pytest.mark.parametrize("content", [None, "", "\n"])
@pytest.mark.parametrize("key", PASSWORDS)
def test_a_password_that_is_missing_stops_the_database(
    key: str, content: str | None, volume: str, tmp_path: pathlib.Path
) -> None:
    done = roles(tmp_path, volume, {key: content})
    path = tmp_path / "secret" / key
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr == (
        f"roles: {path} is missing or empty: put the key {key} into the secret\n"
    )


def test_with_all_passwords_the_roles_are_set(tmp_path: pathlib.Path) -> None:
    done = roles(tmp_path, "kept", {})
    assert done.returncode == 0, done.stderr
    assert done.stdout == "pg_ctl\npsql\npg_ctl\nroles: passwords and rights are set\n"


def roles(
    folder: pathlib.Path, volume: str, changed: dict[str, str | None]
) -> subprocess.CompletedProcess[str]:
    """Runs the script with a secret of which some files are changed, or missing (None)."""
    programs, secret, data = folder / "programs", folder / "secret", folder / "data"
    for each in (programs, secret, data):
        each.mkdir()
    for name in ("pg_ctl", "psql"):
        program(programs, name, f"echo {name}")
    for key, content in (dict.fromkeys(PASSWORDS, "secret") | changed).items():
        if content is not None:
            (secret / key).write_text(content)
    if volume == "kept":
        (data / "PG_VERSION").write_text("18\n")
    env = {"CREDENTIALS": str(secret), "PGDATA": str(data), "POSTGRES_DB": "voting"}
    return run(programs, "bash", str(ROLES), **env)
