"""The voting system in a namespace: commands as a person types them, and questions to it."""

import asyncio
import base64
import contextlib
import functools
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests import until

ROOT = Path(__file__).parents[3]
NODE = os.environ.get("NODE_ADDRESS", "127.0.0.1")  # where node ports answer
COMMAND_TIMEOUT = 240  # seconds
READY_TIMEOUT = 120  # seconds until all pods of a new installation are ready
INTERVAL = 0.5  # seconds between two questions to the cluster
SERVICES = "app.kubernetes.io/part-of=voting,app.kubernetes.io/component!=job"


class CommandError(AssertionError):
    """A command failed. The text is what it printed."""


async def run(*command: str, stdin: str | None = None) -> str:
    """The standard output of a command."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(COMMAND_TIMEOUT):
            out, errors = await process.communicate(stdin.encode() if stdin is not None else None)
    except TimeoutError:
        process.kill()
        raise CommandError(f"{' '.join(command)}: no end after {COMMAND_TIMEOUT} s") from None
    if process.returncode:
        raise CommandError(f"{' '.join(command)}: {errors.decode()}{out.decode()}")
    return out.decode()


@dataclass
class System:
    """A namespace with the system. `prefix` begins the names that a Helm release gives."""

    namespace: str
    prefix: str = ""

    def own(self, name: str) -> str:
        """The name of a resource of the system in this namespace."""
        return name if name == "vote" else f"{self.prefix}{name}"

    async def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return await run("kubectl", "--namespace", self.namespace, *arguments, stdin=stdin)

    async def get(self, *arguments: str) -> Any:
        return json.loads(await self.kubectl("get", *arguments, "--output=json"))

    async def pods(self, name: str | None = None) -> list[Any]:
        """The pods of the services and stores that are not terminating."""
        selector = SERVICES + (f",app.kubernetes.io/name={name}" if name else "")
        found = await self.get("pods", "--selector", selector)
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    async def ready(self, pods: int) -> None:
        """Wait until exactly so many pods are ready, and both pages answer."""
        states: list[str] = []

        async def all_ready() -> bool:
            await asyncio.sleep(INTERVAL)
            states[:] = [f"{pod['metadata']['name']}: {state(pod)}" for pod in await self.pods()]
            return len(states) == pods and all(each.endswith(": ready") for each in states)

        await until.true(all_ready, READY_TIMEOUT, lambda: f"{pods} pods ready, but {states}")
        for page in ("vote", "result"):
            await until.true(functools.partial(self.answers, page), 15, f"{page} answers")

    async def answers(self, page: str) -> bool:
        """Whether a page is ready, seen through its node port."""
        with contextlib.suppress(aiohttp.ClientError):
            url = f"{await self.url(page)}/readyz"
            async with aiohttp.ClientSession() as client, client.get(url) as answer:
                return answer.status == 200
        return False

    async def restarts(self) -> dict[str, int]:
        """The containers that were restarted, and how often."""
        return {
            f"{pod['metadata']['name']}/{status['name']}": status["restartCount"]
            for pod in await self.pods()
            for status in pod["status"].get("containerStatuses", [])
            if status["restartCount"]
        }

    async def url(self, page: str) -> str:
        service = await self.get("service", self.own(page))
        return f"http://{NODE}:{service['spec']['ports'][0]['nodePort']}"

    async def results(self, page: str | None = None) -> dict[str, int]:
        """The votes for each option on the result page; nothing while it does not answer."""
        with contextlib.suppress(aiohttp.ClientError):
            url = f"{page or await self.url('result')}/api/results"
            async with aiohttp.ClientSession() as client, client.get(url) as answer:
                options = (await answer.json()).get("options", [])
                return {option["id"]: option["votes"] for option in options}
        return {}

    async def counted(self, votes: int, within: float = 60) -> None:
        """Wait until the result page shows so many votes."""

        async def is_counted() -> bool:
            return sum((await self.results()).values()) >= votes

        await until.true(is_counted, within, f"{votes} votes counted")

    async def passwords(self) -> list[str]:
        """The passwords in the secrets of the stores."""
        secrets = [
            (await self.get("secret", self.own(f"{name}-secret")))["data"] for name in STORES
        ]
        return [value for data in secrets for _, value in sorted(data.items())]

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The URL of the database for its superuser, through a forwarded port."""
        secret = (await self.get("secret", self.own("db-secret")))["data"]
        password = base64.b64decode(secret["postgres-password"]).decode()
        async with self.forwarded(f"{self.own('db')}-0", password) as url:
            yield url

    @contextlib.asynccontextmanager
    async def forwarded(self, pod: str, password: str) -> AsyncIterator[str]:
        """The URL of the database in a pod for its superuser, through a forwarded port."""
        command = ("kubectl", "--namespace", self.namespace, "port-forward")
        process = await asyncio.create_subprocess_exec(
            *(*command, f"pod/{pod}", ":5432"), stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout
            async with asyncio.timeout(20):
                line = (await process.stdout.readline()).decode()
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield f"postgresql://postgres:{password}@127.0.0.1:{found[1]}/voting"
        finally:
            process.terminate()
            await process.wait()

    async def job(self, name: str) -> str:
        """Wait until a Job is complete, and return what it printed."""
        await self.kubectl("wait", "--for=condition=Complete", f"job/{name}", "--timeout=180s")
        return await self.kubectl("logs", f"job/{name}", "--all-containers")


STORES = ("redis", "db")


def state(pod: Any) -> str:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return "ready" if conditions.get("Ready") == "True" else str(pod["status"]["phase"])


@contextlib.asynccontextmanager
async def cleaned(system: System) -> AsyncIterator[System]:
    """Delete the namespace after the block. If the block fails, the report contains the logs."""
    try:
        yield system
    except AssertionError as error:
        logs = ("logs", "--selector=app.kubernetes.io/part-of=voting", "--all-containers")
        error.add_note(await system.kubectl(*logs, "--prefix", "--tail=20", "--ignore-errors"))
        raise
    finally:
        # Deleting a namespace takes half a minute; its node ports are free at once.
        await system.kubectl("delete", "services", "--all")
        await run("kubectl", "delete", "namespace", system.namespace, "--wait=false")


@contextlib.asynccontextmanager
async def restricted(namespace: str, prefix: str = "") -> AsyncIterator[System]:
    """A new namespace that admits restricted pods only."""
    await run("kubectl", "create", "namespace", namespace)
    async with cleaned(System(namespace, prefix)) as system:
        label = "pod-security.kubernetes.io/enforce=restricted"
        await run("kubectl", "label", "namespace", namespace, label)
        yield system
