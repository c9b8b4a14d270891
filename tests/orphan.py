"""Containers of tests that were killed: each bears the name of its process, and goes after it."""

import contextlib
import socket
import uuid

import psutil
from docker.client import DockerClient
from docker.errors import APIError
from docker.models.containers import Container

MACHINE = f"{socket.gethostname()}-{uuid.getnode():x}"  # several may use one engine
LABEL = "voting-test.process"
CLOCK_SLACK = 60.0  # seconds by which a clock that is put right may move the start of a process


def name(process: psutil.Process) -> str:
    """What tells it from all others, of this machine and of others, also after a restart."""
    return f"{MACHINE} {process.pid} {process.create_time()}"


def remove(engine: DockerClient) -> None:
    """Remove each container whose process was of this machine, and is no more."""
    found = engine.containers.list(all=True, filters={"label": LABEL}, ignore_removed=True)
    for container in found:
        if is_gone(container.labels[LABEL]):
            discard(container)


def discard(container: Container) -> None:
    """Remove it with its data, whoever else does so at the same time."""
    with contextlib.suppress(APIError):
        container.remove(force=True, v=True)


def is_gone(name: str) -> bool:
    """Whether this process has ended; of one on another machine nothing is known."""
    machine, pid, started = name.split()
    if machine != MACHINE:
        return False
    try:
        process = psutil.Process(int(pid))
        is_another = abs(process.create_time() - float(started)) > CLOCK_SLACK
        return is_another or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
