"""The stores in containers, by testcontainers."""

import contextlib
import gc
import os
import secrets
import time
import warnings
from collections.abc import Iterator

# Read when testcontainers is imported; what the environment says goes first. Its reaper would be
# one more image to pull, and mapped ports are what works on any machine with the engine.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")

import psutil
from docker.errors import DockerException
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from tests import orphan, service, store

POSTGRES_IMAGE = os.environ.get("TEST_POSTGRES_IMAGE", "postgres:18")
VALKEY_IMAGE = os.environ.get("TEST_VALKEY_IMAGE", "valkey/valkey:8")
ANSWER_TIMEOUT = 3  # seconds for the engine to answer
READY_TIMEOUT = 60.0  # seconds
READY_POLL = 0.05  # seconds between two looks
STOP_TIMEOUT = 8  # seconds before the engine kills


class Unusable(Exception):  # noqa: N818
    """The engine cannot run the images."""


def answers() -> bool:
    """Whether a Docker engine answers."""
    with warnings.catch_warnings():
        # When nobody answers, the library leaves its socket to the garbage collection.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            return _ping()
        finally:
            gc.collect()


def _ping() -> bool:
    try:
        engine = DockerClient(timeout=ANSWER_TIMEOUT).client
    except DockerException:
        return False
    try:
        return bool(engine.ping())
    except (DockerException, OSError):
        return False
    finally:
        engine.close()


def _remove_orphans() -> None:
    try:
        with contextlib.closing(DockerClient().client) as engine:
            orphan.remove(engine)
    except DockerException as problem:
        raise Unusable(str(problem)) from problem


class DockerControl:
    """One container, with a port of the host that stays the same over a restart."""

    def __init__(self, container: DockerContainer, port: int, ready: list[str]) -> None:
        self._container = container
        self._port = port
        self._ready = ready
        self.host_port = service.free_port()
        container.with_bind_ports(port, self.host_port)
        container.with_kwargs(labels={orphan.LABEL: orphan.name(psutil.Process())})

    def create(self) -> None:
        try:
            self._container.start()
        except DockerException as problem:
            raise Unusable(str(problem)) from problem

    def address(self) -> str:
        return f"{self._container.get_container_host_ip()}:{self.host_port}"

    def wait_ready(self) -> None:
        wrapped = self._container.get_wrapped_container()
        deadline = time.monotonic() + READY_TIMEOUT
        while wrapped.exec_run(self._ready).exit_code != 0:
            if time.monotonic() > deadline:
                raise TimeoutError(wrapped.logs(tail=20).decode(errors="replace"))
            time.sleep(READY_POLL)

    def start(self) -> None:
        self._container.get_wrapped_container().start()
        self.wait_ready()

    def stop(self) -> None:
        self._container.get_wrapped_container().stop(timeout=STOP_TIMEOUT)

    def kill(self) -> None:
        wrapped = self._container.get_wrapped_container()
        wrapped.kill()
        wrapped.wait()

    def pause(self) -> None:
        self._container.get_wrapped_container().pause()

    def resume(self) -> None:
        self._container.get_wrapped_container().unpause()

    def remove(self) -> None:
        self._container.stop()


@contextlib.contextmanager
def opened() -> Iterator[store.Servers]:
    """Both servers in new containers.

    Raises:
        Unusable: they cannot be started, for instance because an image cannot be had.
    """
    _remove_orphans()
    password = secrets.token_hex(16)
    postgres = DockerControl(
        DockerContainer(POSTGRES_IMAGE).with_env("POSTGRES_PASSWORD", password),
        5432,
        # With the host: during the image's set-up phase the server listens on its socket alone.
        ["pg_isready", "--username=postgres", "--host=127.0.0.1"],
    )
    redis = DockerControl(
        DockerContainer(VALKEY_IMAGE).with_command(
            "valkey-server --appendonly yes --appendfsync always"
        ),
        6379,
        ["sh", "-c", "valkey-cli ping | grep -q PONG"],
    )
    with contextlib.ExitStack() as held:
        for control in (postgres, redis):
            held.callback(control.remove)
            control.create()
        for control in (postgres, redis):
            control.wait_ready()
        yield store.Servers(
            kind="docker",
            database_url=f"postgresql://postgres:{password}@{postgres.address()}/postgres",
            redis_url=f"redis://{redis.address()}/0",
            postgres=store.Server(postgres),
            redis=store.Server(redis),
        )
