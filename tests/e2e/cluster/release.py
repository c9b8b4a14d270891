"""The chart, installed by Helm in a namespace."""

import contextlib
import json
import os
import shlex
import subprocess
import typing
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.cluster import command, space

ROOT = Path(__file__).parents[3]
NAME = "vote"
NODE_PORTS = {page: {"service": {"type": "NodePort"}} for page in ("vote", "result")}
IMAGES = tuple(f"voting-{name}:0.1.0" for name in ("vote", "worker", "result", "seed"))
STORES = ("postgres:18", "valkey/valkey:8")
PODS = 6  # two of vote, one each of worker, result, redis and db


@dataclass
class Release:
    """A release of the chart named `vote`."""

    space: space.Space
    helm: str = "helm"

    async def run(self, *arguments: str, **options: typing.Any) -> str:
        return await command.run(self.helm, "--namespace", self.space.name, *arguments, **options)

    async def install(self, **values: typing.Any) -> None:
        await self._apply("install", values)

    async def upgrade(self, **values: typing.Any) -> None:
        """Upgrades, and returns when all replicas are the new ones."""
        await self._apply("upgrade", values, "--wait", "--timeout=180s")

    async def _apply(self, verb: str, values: dict[str, typing.Any], *more: str) -> None:
        given = json.dumps(merged(NODE_PORTS, values))
        chart = str(ROOT / "chart")
        await self.run(verb, NAME, chart, "--values=-", *more, stdin=given)

    async def uninstall(self) -> None:
        await self.run("uninstall", NAME, "--wait", "--timeout=120s")


def merged(one: dict[str, typing.Any], other: dict[str, typing.Any]) -> dict[str, typing.Any]:
    """Two trees of values, the second before the first."""
    both = dict(one)
    for key, value in other.items():
        below = both.get(key)
        is_tree = isinstance(value, dict) and isinstance(below, dict)
        both[key] = merged(below, value) if is_tree else value  # type: ignore[arg-type]
    return both


@contextlib.asynccontextmanager
async def installed(
    values: dict[str, typing.Any] | None = None, *, pods: int = PODS
) -> AsyncIterator[Release]:
    """The chart in a namespace of its own, with node ports, its pods ready."""
    async with space.restricted(f"voting-test-{uuid.uuid4().hex[:8]}", f"{NAME}-") as own:
        release = Release(own)
        await release.install(**values or {})
        await own.ready(pods)
        yield release


def load(*images: str) -> None:
    """Gives the cluster images of this engine, by the command in LOAD, where there is one."""
    loader = shlex.split(os.environ.get("LOAD", ""))
    if loader:
        subprocess.run([*loader, *images], check=True, capture_output=True)


def in_engine(*images: str) -> list[str]:
    """Those of the images that this machine's engine has."""
    return [
        image
        for image in images
        if not subprocess.run(
            ["docker", "image", "inspect", image], check=False, capture_output=True
        ).returncode
    ]
