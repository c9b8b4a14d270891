"""One namespace with the system in it, and what the tests ask of it."""

import asyncio
import base64
import contextlib
import functools
import os
import re
import time
import typing
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp

from tests import until
from tests.e2e.cluster import command

# Where node ports answer: this machine, unless the cluster is elsewhere.
NODE = os.environ.get("NODE_ADDRESS", "127.0.0.1")
READY_TIMEOUT = 90  # seconds until all pods of a fresh installation are ready
LOOK = 0.5  # seconds between two questions to the cluster

leaving: set[str] = set()  # the namespaces that are being deleted


@dataclass
class Space:
    """A namespace. `prefix` begins the names that a Helm release gives, but the one of vote."""

    name: str
    prefix: str = ""

    def own(self, name: str) -> str:
        """The name of a resource of the system here."""
        return name if name == "vote" else f"{self.prefix}{name}"

    async def kubectl(self, *arguments: str, **options: typing.Any) -> str:
        return await command.kubectl("--namespace", self.name, *arguments, **options)

    async def get(self, *arguments: str) -> typing.Any:
        return await command.get("--namespace", self.name, *arguments)

    async def pods(self, name: str | None = None) -> list[typing.Any]:
        """The pods of the system that do not end by themselves and are not leaving."""
        selector = "app.kubernetes.io/part-of=voting,app.kubernetes.io/component!=job"
        if name:
            selector += f",app.kubernetes.io/name={name}"
        found = await self.get("pods", "--selector", selector)
        return [pod for pod in found["items"] if "deletionTimestamp" not in pod["metadata"]]

    async def ready(self, pods: int, within: float = READY_TIMEOUT) -> float:
        """Waits until so many pods, and no more, are ready and the pages answer.

        Returns the seconds it took.
        """
        began = time.monotonic()
        told = ""

        async def all_ready() -> bool:
            nonlocal told
            await asyncio.sleep(LOOK)
            found = await self.pods()
            told = ", ".join(f"{each['metadata']['name']}: {state(each)}" for each in found)
            return len(found) == pods and all(state(each) == "ready" for each in found)

        try:
            await until.true(all_ready, within, lambda: f"{pods} pods ready, but {told}")
        except AssertionError as error:
            events = await self.kubectl("get", "events", "--sort-by=.lastTimestamp")
            raise AssertionError(f"{error}\n{events}") from None
        for page in ("vote", "result"):
            await until.true(functools.partial(self.answers, page), 15, f"{page} answers")
        return time.monotonic() - began

    async def replicas(self, name: str) -> int:
        """How many replicas of a deployment are ready."""
        found = await self.get("deployment", self.own(name))
        return int(found["status"].get("readyReplicas", 0))

    async def restarts(self) -> dict[str, int]:
        """The containers that were restarted, and how often."""
        return {
            f"{pod['metadata']['name']}/{status['name']}": status["restartCount"]
            for pod in await self.pods()
            for kind in ("initContainerStatuses", "containerStatuses")
            for status in pod["status"].get(kind, [])
            if status["restartCount"]
        }

    async def url(self, name: str) -> str:
        """The address of a page by its node port."""
        service = await self.get("service", self.own(name))
        return f"http://{NODE}:{service['spec']['ports'][0]['nodePort']}"

    async def answers(self, name: str) -> bool:
        """Whether a page is ready, as its node port has it."""
        with contextlib.suppress(aiohttp.ClientError):
            url = f"{await self.url(name)}/readyz"
            async with aiohttp.ClientSession() as client, client.get(url) as answer:
                return answer.status == 200
        return False

    async def results(self) -> dict[str, int]:
        """The votes of each option, as the result page has them."""
        url = f"{await self.url('result')}/api/results"
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            found = await answer.json()
        return {option["id"]: option["votes"] for option in found["options"]}

    async def voters(self) -> int:
        """How many have voted; -1 while the result page does not answer."""
        try:
            return sum((await self.results()).values())
        except aiohttp.ClientError:
            return -1

    async def secret(self, name: str, key: str) -> str:
        found = await self.get("secret", self.own(name))
        return base64.b64decode(found["data"][key]).decode()

    @contextlib.asynccontextmanager
    async def forwarded(self, target: str, port: int) -> AsyncIterator[int]:
        """A port of this machine that leads to a port of a pod or service."""
        process = await asyncio.create_subprocess_exec(
            *("kubectl", "--namespace", self.name, "port-forward", target, f":{port}"),
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert process.stdout
            async with asyncio.timeout(20):
                line = (await process.stdout.readline()).decode()
            found = re.match(r"Forwarding from 127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield int(found[1])
        finally:
            process.terminate()
            await process.wait()

    @contextlib.asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The URL of the database, as its superuser."""
        password = await self.secret("db-secret", "postgres-password")
        async with self.forwarded(f"pod/{self.own('db')}-0", 5432) as port:
            yield f"postgresql://postgres:{password}@127.0.0.1:{port}/voting"

    async def logs(self) -> str:
        """The last lines that each container of the system wrote."""
        return await self.kubectl(
            *("logs", "--selector=app.kubernetes.io/part-of=voting", "--all-containers"),
            *("--prefix", "--timestamps", "--tail=20", "--max-log-requests=50"),
            "--ignore-errors",
        )

    async def job(self, name: str, within: float = 120) -> str:
        """Waits until a Job is complete, and returns what it wrote."""
        await self.kubectl(
            "wait", "--for=condition=Complete", f"job/{name}", f"--timeout={within:g}s"
        )
        return await self.kubectl("logs", f"job/{name}")


def state(pod: typing.Any) -> str:
    conditions = {each["type"]: each["status"] for each in pod["status"].get("conditions", [])}
    return "ready" if conditions.get("Ready") == "True" else str(pod["status"]["phase"])


async def leave(name: str) -> None:
    """Begins to delete a namespace, if it is there. That takes the cluster half a minute."""
    if await command.kubectl("get", "namespace", name, "--ignore-not-found"):
        # Their node ports are free at once.
        await command.kubectl("--namespace", name, "delete", "services", "--all")
        await command.kubectl("delete", "namespace", name, "--wait=false")
        leaving.add(name)


@contextlib.asynccontextmanager
async def told(own: Space) -> AsyncIterator[Space]:
    """The space for a block; when that fails, the test's report has what its containers wrote."""
    try:
        yield own
    except AssertionError as error:
        error.add_note(await own.logs())
        raise


@contextlib.asynccontextmanager
async def restricted(name: str, prefix: str = "") -> AsyncIterator[Space]:
    """A namespace for a block, which admits restricted pods alone."""
    try:
        await command.kubectl("create", "namespace", name)
        label = "pod-security.kubernetes.io/enforce=restricted"
        await command.kubectl("label", "namespace", name, label)
        async with told(Space(name, prefix)) as own:
            yield own
    finally:
        await leave(name)
