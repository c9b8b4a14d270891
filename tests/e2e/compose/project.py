"""A Compose project of its own for the tests: a copy of the sources, a name and free ports."""

import contextlib
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import typing
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator

from tests import service

ROOT = pathlib.Path(__file__).parents[3]
SERVICES = ("vote", "worker", "result", "gateway", "redis", "db")  # what keeps running
OWN = ("vote", "worker", "result", "gateway")  # those from this project's images
ONCE = ("secrets", "vote-wait", "worker-wait", "result-wait")
IMAGES = ("vote", "worker", "result", "seed")
VERSION = "0.0.0-test"  # the tag of the images, so that nobody's own are replaced
# What the machine's environment says about other systems.
FOREIGN = ("OPTION_", "POLL_", "COMPOSE_", "SEED_", "LOG_", "VOTE_", "REGISTRY", "REVISION")
TIMEOUT = 300.0  # seconds for one command


class CommandError(AssertionError):
    """A command ended with another status than it should; the text has its output."""


def run(
    *command: str,
    status: int | None = 0,
    timeout: float = TIMEOUT,
    **options: typing.Any,
) -> subprocess.CompletedProcess[str]:
    """Runs a command. Raises `CommandError` unless it ends with `status`; None: with any."""
    options.setdefault("input", "")
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=timeout, check=False, **options
    )
    if status is not None and ended.returncode != status:
        raise CommandError(
            f"{' '.join(command)} ended with {ended.returncode}, not {status}\n"
            f"{ended.stdout[-4000:]}\n{ended.stderr[-8000:]}"
        )
    return ended


def docker(*arguments: str, **options: typing.Any) -> str:
    """The standard output of a docker command, without the spaces around it."""
    return run("docker", *arguments, **options).stdout.strip()


def inspect(name: str) -> typing.Any:
    """What the engine knows about a container, an image, a network or a volume."""
    return json.loads(docker("inspect", name))[0]


def remove_images(version: str) -> None:
    """Removes the images of that version. What was built stays in the engine's cache."""
    docker("image", "rm", "--force", *(f"voting-{image}:{version}" for image in IMAGES))


def checkout(target: pathlib.Path) -> pathlib.Path:
    """Copies into `target` what a fresh clone would have, and what is new and not ignored."""
    listed = run(
        "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if not source.is_file():
            continue  # deleted, not yet committed
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name)
    return target


@dataclasses.dataclass
class Project:
    """One Compose project. Every command is the one that a person would type."""

    folder: pathlib.Path
    name: str = dataclasses.field(default_factory=lambda: f"voting-test-{uuid.uuid4().hex[:8]}")
    files: tuple[str, ...] = ()
    vote_port: int = dataclasses.field(default_factory=service.free_port)
    result_port: int = dataclasses.field(default_factory=service.free_port)
    settings: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def vote_url(self) -> str:
        return f"http://127.0.0.1:{self.vote_port}"

    @property
    def result_url(self) -> str:
        return f"http://127.0.0.1:{self.result_port}"

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)
        }
        ports = {"VOTE_PORT": str(self.vote_port), "RESULT_PORT": str(self.result_port)}
        return {**inherited, **ports, "VERSION": VERSION, **self.settings}

    def command(self, *arguments: str) -> list[str]:
        files = [part for file in self.files for part in ("--file", file)]
        return ["docker", "compose", "--project-name", self.name, *files, *arguments]

    def compose(self, *arguments: str, **options: typing.Any) -> subprocess.CompletedProcess[str]:
        command = self.command("--progress", "plain", *arguments)
        return run(*command, cwd=self.folder, env=self.environment, **options)

    @contextlib.contextmanager
    def background(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A command that goes on while the test does something; ended at the end if need be."""
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            process.communicate(timeout=30)

    def container(self, service: str) -> str:
        """The name of its first container, running or not."""
        return f"{self.name}-{service}-1"

    def inspect(self, service: str) -> typing.Any:
        return inspect(self.container(service))

    def execute(self, service: str, *command: str, **options: typing.Any) -> str:
        """The output of a command in a container, which gets the option `input`."""
        return docker("exec", "--interactive", self.container(service), *command, **options)

    def python(self, service: str, code: str, **options: typing.Any) -> str:
        return self.execute(service, "python", "-c", code, **options)

    def query(self, sql: str) -> str:
        """Asks the database, as its superuser from inside its container."""
        psql = ["psql", "--username=postgres", "--dbname=voting", "-qAtX", "--command", sql]
        return self.execute("db", *psql)

    def redis(self, *command: str) -> str:
        """Asks Redis, as its administrator from inside its container."""
        ask = (
            'valkey-cli --no-auth-warning --user admin --pass "$(cat /run/secrets/admin-password)"'
        )
        return self.execute("redis", "sh", "-c", f'{ask} "$@"', "sh", *command)

    def seed(self, *options: str) -> str:
        """What the seed job said. Without its dependencies, which `run` would scale to one."""
        return self.compose("run", "--rm", "--no-deps", "seed", *options).stdout

    def stored(self) -> int:
        """How many voters are in the database."""
        return int(self.query("SELECT count(*) FROM votes"))

    def shown(self) -> int:
        """How many votes the result page shows."""
        status, text = get(f"{self.result_url}/api/results")
        assert status == 200, text
        return int(json.loads(text)["total"])

    def running(self) -> set[str]:
        """The services of which a container runs."""
        return set(self.compose("ps", "--services", "--status", "running").stdout.split())

    def healthy(self, *services: str) -> bool:
        states = [self.inspect(name)["State"] for name in services]
        return all(state["Health"]["Status"] == "healthy" for state in states)

    def logs(self, *services: str) -> str:
        return self.compose("logs", "--no-color", "--no-log-prefix", *services).stdout

    def down(self) -> None:
        """Removes all that belongs to this project, and nothing else. The images stay."""
        self.compose("--profile", "seed", "down", "--volumes", "--remove-orphans", "--timeout", "5")


def get(url: str) -> tuple[int, str]:
    """The status and the text of a page, over a new connection."""
    request = urllib.request.Request(url, headers={"Connection": "close"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
