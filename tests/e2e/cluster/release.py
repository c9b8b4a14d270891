"""The chart, installed by Helm in a namespace."""

import contextlib
import json
import os
import shlex
import subprocess
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from common import __version__
from tests.e2e.cluster.system import ROOT, System, restricted, run

NAME = "vote"
CHART = str(ROOT / "chart")
VERSION = __version__
IMAGES = tuple(
    f"voting-{name}:{VERSION}" for name in ("vote", "worker", "result", "seed", "postgres")
)
PODS = 6  # two of vote, one each of worker, result, redis and db
NODE_PORTS = {
    "vote": {"service": {"type": "NodePort"}},
    "result": {"service": {"type": "NodePort"}},
}


@dataclass
class Release:
    """A release of the chart named `vote`."""

    system: System
    helm: str = "helm"

    async def run(self, *arguments: str, stdin: str | None = None) -> str:
        return await run(self.helm, "--namespace", self.system.namespace, *arguments, stdin=stdin)

    async def install(self, **values: Any) -> None:
        await self.run("install", NAME, CHART, "--values=-", stdin=json.dumps(merged(values)))

    async def upgrade(self, **values: Any) -> None:
        """Upgrade, and return when all pods are new."""
        wait = ("--wait", "--timeout=180s")
        given = json.dumps(merged(values))
        await self.run("upgrade", NAME, CHART, "--values=-", *wait, stdin=given)

    async def test(self) -> None:
        """Cast a vote and read it back."""
        assert "Succeeded" in await self.run("test", NAME)


def merged(values: dict[str, Any]) -> dict[str, Any]:
    """The values, and node ports through which the tests reach the pages."""
    return values | {page: values.get(page, {}) | NODE_PORTS[page] for page in NODE_PORTS}


def new_namespace() -> str:
    return f"voting-test-{uuid.uuid4().hex[:8]}"


@contextlib.asynccontextmanager
async def installed(pods: int = PODS, **values: Any) -> AsyncIterator[Release]:
    """The chart in a namespace of its own, with its pods ready."""
    async with restricted(new_namespace(), f"{NAME}-") as system:
        release = Release(system)
        await release.install(**values)
        await system.ready(pods)
        yield release


def load(*images: str) -> None:
    """Give the cluster images of this engine, with the command in LOAD if there is one."""
    if loader := shlex.split(os.environ.get("LOAD", "")):
        subprocess.run([*loader, *images], check=True, capture_output=True)
