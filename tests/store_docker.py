"""The stores in containers, by testcontainers."""

import asyncio
import contextlib
import gc
import os
import secrets
import socket
import time
import warnings
from collections.abc import Iterator

# Read when testcontainers is imported. Its reaper would be one more image to pull, and mapped
# ports are what works on any machine with the engine.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

import psutil
from docker.errors import APIError, DockerException
from docker.models.containers import Container
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from tests import service, store

POSTGRES_IMAGE = os.environ.get("TEST_POSTGRES_IMAGE", "postgres:18")
VALKEY_IMAGE = os.environ.get("TEST_VALKEY_IMAGE", "valkey/valkey:8")
LABEL = "voting-test.process"  # the machine and the process that a container belongs to
MACHINE = socket.gethostname()
ANSWER_TIMEOUT = 3  # seconds for the engine to answer
READY_TIMEOUT = 60.0  # seconds
STOP_TIMEOUT = 8  # seconds before the engine kills


class UnusableError(Exception):
    """The engine cannot run the images."""


def answers() -> bool:
    """Return whether a Docker engine answers."""
    with warnings.catch_warnings():
        # If nothing answers, the library leaves its socket to the garbage collection.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            with contextlib.closing(DockerClient(timeout=ANSWER_TIMEOUT).client) as engine:
                return bool(engine.ping())
        except (DockerException, OSError):
            return False
        finally:
            gc.collect()


class DockerServer(store.Server):
    """One container, with a port of the host that stays the same over a restart."""

    def __init__(self, container: DockerContainer, port: int, ready: list[str]) -> None:
        super().__init__()
        self._ready = ready
        host_port = service.free_port()
        container.with_bind_ports(port, host_port)
        container.with_kwargs(labels={LABEL: f"{MACHINE} {os.getpid()}"})
        try:
            container.start()
        except DockerException as error:
            raise UnusableError(str(error)) from error
        self.container: Container = container.get_wrapped_container()
        self.address = f"{container.get_container_host_ip()}:{host_port}"

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while self.container.exec_run(self._ready).exit_code != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(self.container.logs(tail=20).decode(errors="replace"))
            time.sleep(0.05)

    async def _start(self) -> None:
        await asyncio.to_thread(self.container.start)
        await asyncio.to_thread(self.wait_ready)

    async def _stop(self) -> None:
        await asyncio.to_thread(self.container.stop, timeout=STOP_TIMEOUT)

    async def _kill(self) -> None:
        await asyncio.to_thread(self.container.kill)
        await asyncio.to_thread(self.container.wait)

    async def _pause(self) -> None:
        await asyncio.to_thread(self.container.pause)

    async def _resume(self) -> None:
        await asyncio.to_thread(self.container.unpause)


@contextlib.contextmanager
def opened() -> Iterator[store.Servers]:
    """Start both servers in new containers.

    Raises:
        UnusableError: The engine cannot run them, for instance because it has no such image.
    """
    password = secrets.token_hex(16)
    with contextlib.ExitStack() as held:
        held.callback(_remove_containers, os.getpid())
        _remove_orphans()
        postgres = DockerServer(
            DockerContainer(POSTGRES_IMAGE).with_env("POSTGRES_PASSWORD", password),
            5432,
            # With the host: during its set-up the server listens on its socket only.
            ["pg_isready", "--username=postgres", "--host=127.0.0.1"],
        )
        redis = DockerServer(
            DockerContainer(VALKEY_IMAGE).with_command(
                "valkey-server --appendonly yes --appendfsync always"
            ),
            6379,
            ["sh", "-c", "valkey-cli ping | grep -q PONG"],
        )
        postgres.wait_ready()
        redis.wait_ready()
        yield store.Servers(
            kind="docker",
            database_url=f"postgresql://postgres:{password}@{postgres.address}/postgres",
            redis_url=f"redis://{redis.address}/0",
            postgres=postgres,
            redis=redis,
        )


def _remove_orphans() -> None:
    """Remove the containers of tests on this machine that were killed."""
    with contextlib.closing(DockerClient().client) as engine:
        found = engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
        owners = [container.labels[LABEL].split() for container in found]
    for machine, pid in owners:
        if machine == MACHINE and not psutil.pid_exists(int(pid)):
            _remove_containers(int(pid))


def _remove_containers(pid: int) -> None:
    """Remove the containers of this process of this machine."""
    label = f"{LABEL}={MACHINE} {pid}"
    with contextlib.closing(DockerClient().client) as engine:
        for each in engine.containers.list(all=True, filters={"label": label}, ignore_removed=True):
            with contextlib.suppress(APIError):  # other tests may remove it at the same time
                each.remove(force=True, v=True)
