"""A Compose project for the tests: a copy of the sources, a name and ports of its own."""

import json
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
RUNNING = ("vote", "worker", "result", "nginx", "redis", "db")
IMAGES = ("vote", "worker", "result", "seed")
VERSION = "0.0.0-test"  # the tag of the images, so that no other images are replaced


def run(*command: str, status: int | None = 0, **options: Any) -> str:
    """Return the output of a command, which has to end with `status` (None: any)."""
    ended: subprocess.CompletedProcess[str] = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
        **{"input": "", **options},
    )
    assert status in {None, ended.returncode}, f"{command}: {ended.returncode}\n{ended.stdout}"
    return ended.stdout.strip()


def docker(*arguments: str, **options: Any) -> str:
    return run("docker", *arguments, **options)


def inspect(name: str) -> Any:
    """Return what the engine knows about a container, an image or a network."""
    return json.loads(docker("inspect", name))[0]


def checkout(target: Path) -> Path:
    """Copy what a fresh clone would contain, with the changes that are not committed yet."""
    listed = run("git", "ls-files", "-z", "-c", "-o", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def request(url: str, data: bytes | None = None, **headers: str) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    asked = urllib.request.Request(url, data, {"Connection": "close", **headers})
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@dataclass
class Project:
    """Every command is one that a user could type."""

    folder: Path
    name: str = field(default_factory=lambda: f"voting-test-{uuid.uuid4().hex[:8]}")
    vote_port: int = field(default_factory=free_port)
    result_port: int = field(default_factory=free_port)

    @property
    def vote_url(self) -> str:
        return f"http://127.0.0.1:{self.vote_port}"

    @property
    def result_url(self) -> str:
        return f"http://127.0.0.1:{self.result_port}"

    @property
    def environment(self) -> dict[str, str]:
        ports = {"VOTE_PORT": str(self.vote_port), "RESULT_PORT": str(self.result_port)}
        return {**os.environ, **ports, "VERSION": VERSION, "COMPOSE_PROJECT_NAME": self.name}

    def compose(self, *arguments: str, **options: Any) -> str:
        command = ("compose", "--progress", "quiet", *arguments)
        return docker(*command, cwd=self.folder, env=self.environment, **options)

    def background(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["docker", "compose", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def up(self, *arguments: str, **options: Any) -> str:
        return self.compose("up", "--detach", "--wait", *arguments, **options)

    def down(self) -> None:
        """Remove the containers, networks and volumes of this project. The images stay."""
        self.compose("--profile", "seed", "down", "--volumes", "--remove-orphans", "-t", "5")

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def inspect(self, service: str) -> Any:
        return inspect(self.container(service))

    def is_healthy(self) -> bool:
        names = [self.container(service) for service in RUNNING]
        states = docker("inspect", "--format", "{{.State.Health.Status}}", *names)
        return set(states.split()) == {"healthy"}

    def execute(self, service: str, *command: str, **options: Any) -> str:
        return docker("exec", "-i", self.container(service), *command, **options)

    def query(self, sql: str) -> str:
        """Return the answer of the database to its superuser."""
        return self.execute("db", "psql", "-U", "postgres", "-d", "voting", "-qAtXc", sql)

    def redis(self, *command: str) -> str:
        """Return the answer of Redis to its administrator."""
        script = 'REDISCLI_AUTH="$(cat /run/secrets/admin-password)" valkey-cli --user admin "$@"'
        return self.execute("redis", "sh", "-c", script, "sh", *command)

    def stored(self) -> int:
        return int(self.query("SELECT count(*) FROM votes"))

    def shown(self) -> int:
        status, text = request(f"{self.result_url}/api/results")
        assert status == 200, text
        return int(json.loads(text)["total"])

    def logs(self, *services: str) -> str:
        return self.compose("logs", "--no-log-prefix", *services)
