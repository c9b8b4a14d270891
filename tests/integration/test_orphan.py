"""Containers of tests that were killed are removed by the next ones."""

import contextlib
from collections.abc import Iterator

import psutil
import pytest
from docker.client import DockerClient
from testcontainers.core import docker_client

from tests import orphan, store, store_docker

NO_MORE = f"{orphan.MACHINE} {psutil.Process().pid} 0.0"  # its number is ours now


@pytest.fixture
def engine(servers: store.Servers) -> Iterator[DockerClient]:
    if servers.kind != "docker":
        pytest.skip("the stores are in no containers")
    with contextlib.closing(docker_client.DockerClient().client) as client:
        yield client


def test_containers_without_their_process_are_removed_and_no_others(
    engine: DockerClient,
) -> None:
    def left() -> set[str]:
        return {each.id for each in engine.containers.list(all=True, ignore_removed=True)}

    with contextlib.ExitStack() as held:

        def create(labels: dict[str, str]) -> str:
            made = engine.containers.create(store_docker.VALKEY_IMAGE, labels=labels)
            held.callback(orphan.discard, made)
            return str(made.id)

        others = {create({}), create({orphan.LABEL: orphan.name(psutil.Process())})}
        orphans = {create({orphan.LABEL: NO_MORE}), create({orphan.LABEL: NO_MORE})}
        orphan.remove(engine)
        assert left() & (others | orphans) == others
