"""The image that runs the whole system in one container."""

import contextlib
import json
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import until
from tests.e2e.compose.project import VERSION, docker, free_port, inspect, request, run

pytestmark = pytest.mark.timeout(300)
IMAGE = f"voting:{VERSION}"
READY_TIMEOUT = 60.0  # seconds
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
LIMITED = ("--memory", "512m", "--pids-limit", "128")
SEED = ("python", "-m", "seed", "--verify", "http://localhost:8081", "--exact")


@pytest.fixture(scope="module", autouse=True)
def image(sources: Path) -> Iterator[None]:
    """Built as `make images ARGS=single` does."""
    bake = ("buildx", "bake", "--file", "docker-bake.hcl", "--load", "single")
    docker(*bake, cwd=sources, env={**os.environ, "VERSION": VERSION})
    yield
    docker("image", "rm", "--force", IMAGE)


@pytest.fixture
def volume() -> Iterator[str]:
    name = f"voting-test-{uuid.uuid4().hex[:8]}"
    yield name
    docker("volume", "rm", "--force", name)


@contextlib.contextmanager
def running(*options: str) -> Iterator[str]:
    """Run the image, and remove the container and its anonymous volume at the end."""
    container = docker("run", "--detach", *HARDENED, *LIMITED, *options, IMAGE)
    try:
        yield container
    finally:
        docker("rm", "--force", "--volumes", container)


def total(result_port: int) -> int:
    return int(json.loads(request(f"http://127.0.0.1:{result_port}/api/results")[1])["total"])


async def test_it_starts_soon_counts_all_votes_and_keeps_them_in_its_volume(
    volume: str, measured: Callable[[str], None]
) -> None:
    vote, result = free_port(), free_port()
    published = (f"--publish=127.0.0.1:{vote}:8080", f"--publish=127.0.0.1:{result}:8081")

    def answer() -> bool:
        pages = (f"http://127.0.0.1:{vote}", f"http://127.0.0.1:{result}/api/results")
        with contextlib.suppress(OSError):
            return all(request(page)[0] == 200 for page in pages)
        return False

    for before in (0, 3000):  # a new volume, then the same
        began = time.monotonic()
        with running(*published, "--volume", f"{volume}:/data") as container:
            await until.true(answer, READY_TIMEOUT, lambda: docker("logs", container))
            measured(f"the single image answers {time.monotonic() - began:.1f} s after docker run")
            assert total(result) == before
            assert "verified" in docker("exec", container, *SEED)
            assert total(result) == before + 3000
            began = time.monotonic()
            docker("stop", container)
            measured(f"the single image ends {time.monotonic() - began:.1f} s after docker stop")
            assert inspect(container)["State"]["ExitCode"] == 0  # else docker stop had to kill it


async def test_any_user_may_run_it_without_a_volume_and_has_no_needless_rights() -> None:
    with running("--user", "1000770000", "--network", "none") as container:

        def is_healthy() -> bool:
            return str(inspect(container)["State"]["Health"]["Status"]) == "healthy"

        await until.true(is_healthy, READY_TIMEOUT, lambda: docker("logs", container))
        lines = docker("exec", container, "cat", "/proc/1/status").splitlines()
        status = {key: value.split() for key, _, value in (line.partition(":") for line in lines)}
        assert {int(status[key][0], 16) for key in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
        assert (status["NoNewPrivs"], status["Name"]) == (["1"], ["tini"])
        root = ("docker", "exec", "--user", "0", container)
        assert "Read-only" in run(*root, "cp", "/etc/hostname", "/usr/local/x", status=1)
        sockets = docker("exec", container, "cat", "/proc/1/net/tcp", "/proc/1/net/tcp6")
        rows = [row.split() for row in sockets.splitlines()]
        listening = {int(row[1].partition(":")[2], 16) for row in rows if row[3] == "0A"}
        assert listening == {8080, 8081, 8082}


def test_it_has_only_what_it_needs() -> None:
    config = inspect(IMAGE)["Config"]
    assert config["User"] == "10001:10001"
    assert config["Labels"]["org.opencontainers.image.version"] == VERSION
    listed = docker("run", "--rm", "--entrypoint", "ls", IMAGE)
    assert listed.split() == ["common", "result", "seed", "standalone", "vote", "worker"]
