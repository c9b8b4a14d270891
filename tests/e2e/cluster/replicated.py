"""The overlay ha in a namespace: its primaries, what can happen to them, and voters meanwhile."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import yaml

from common import __version__
from tests import until
from tests.e2e.cluster.system import ROOT, CommandError, System, restricted, run
from tests.process.voters import Voters

OVERLAY = ROOT / "kustomize" / "overlays" / "ha"
IMAGE = f"voting-postgres:{__version__}"
STORES = ("redis", "db")
PODS = 12  # three of redis and db, two of vote, worker and result
PASSWORD = "development-only-postgres"
VOTES = 200  # acknowledged before and after each event
HEALTHY_WITHIN = 120  # seconds after a loss until three servers of each store work together
VALKEY_CLI = 'REDISCLI_AUTH="$(cat /run/secrets/redis/password)" valkey-cli "$@"'
Resource = dict[str, Any]


async def rendered(namespace: str) -> str:
    """The overlay for a namespace."""
    resources: list[Resource] = [
        each
        for each in yaml.safe_load_all(await run("kubectl", "kustomize", str(OVERLAY)))
        if each["kind"] != "Namespace"
    ]
    for each in resources:
        each["metadata"]["namespace"] = namespace
        for subject in each.get("subjects", []):
            subject["namespace"] = namespace
        for port in each.get("spec", {}).get("ports", []) if each["kind"] == "Service" else []:
            port.pop("nodePort", None)  # other tests may use it
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": resources})


@dataclass
class Replicated:
    """The system, and its voters."""

    system: System
    voters: Voters

    async def valkey(self, pod: str, *command: str, port: int = 6379) -> str:
        shell = ("sh", "-c", VALKEY_CLI, "valkey-cli", "-p", str(port), *command)
        return await self.system.kubectl("exec", pod, "--container=redis", "--", *shell)

    async def primary(self, store: str) -> str:
        """The pod of the primary."""
        return await (self._redis() if store == "redis" else self._db())

    async def healthy(self) -> None:
        """Wait until three servers of each store, and three Sentinels, know each other."""
        problem: list[object] = []

        async def is_healthy() -> bool:
            try:
                await self._redis()
                await self._db()
            except (CommandError, AssertionError, ValueError, KeyError) as error:
                problem[:] = [str(error)[:500]]
                await asyncio.sleep(1)
                return False
            return True

        await until.true(is_healthy, HEALTHY_WITHIN, lambda: problem)

    async def _redis(self) -> str:
        names = set()
        for number in range(3):
            text = await self.valkey(f"redis-{number}", "sentinel", "master", "votes", port=26379)
            lines = text.split("\n")
            state = dict(zip(lines[::2], lines[1::2], strict=False))
            assert state["flags"] == "master", state
            assert state["num-slaves"] == state["num-other-sentinels"] == "2", state
            names.add(state["ip"].partition(".")[0])
        (primary,) = names
        info = await self.valkey(primary, "info", "replication")
        assert len(re.findall(r"^slave\d:.*state=online.*lag=[01]\b", info, re.MULTILINE)) == 2, (
            info
        )
        for number in range(3):
            assert "slave_priority:100" in await self.valkey(f"redis-{number}", "info") or (
                f"redis-{number}" == primary
            )
        return str(primary)

    async def _db(self) -> str:
        command = ("patronictl", "--config-file=/etc/patroni/patroni.yaml", "list", "--format=json")
        text = await self.system.kubectl("exec", "db-1", "--", *command)
        members = json.loads(text)
        roles = sorted(each["Role"] for each in members)
        assert roles == ["Leader", "Replica", "Sync Standby"], text
        assert len({each["TL"] for each in members}) == 1, text
        assert {each["State"] for each in members} == {"running", "streaming"}, text
        return next(str(each["Member"]) for each in members if each["Role"] == "Leader")

    async def lose(self, pod: str) -> None:
        """Delete a pod at once, with its volume. A primary of Redis does not hand over."""
        if pod.startswith("redis"):
            with contextlib.suppress(CommandError):  # it ends before it answers
                await self.valkey(pod, "shutdown", "nosave", "now", "force")
        await self.system.kubectl("delete", "pvc", f"data-{pod}", "--wait=false")
        await self.system.kubectl("delete", "pod", pod, "--grace-period=0", "--force")

    async def switch_over(self, store: str) -> None:
        """Make another server the primary, as docs/high-availability.md says."""
        pod = await self.primary(store)
        command: tuple[str, ...]
        if store == "redis":
            command = ("--container=redis", "--", "sh", "/scripts/switchover.sh")
        else:
            patronictl = ("patronictl", "--config-file=/etc/patroni/patroni.yaml")
            command = ("--", *patronictl, "switchover", "db", "--force")
        await self.system.kubectl("exec", pod, *command)

    async def restart_all(self, store: str) -> None:
        """Delete all pods of a store at once. The volumes stay."""
        pods = [f"{store}-{number}" for number in range(3)]
        await self.system.kubectl("delete", "pod", *pods, "--grace-period=0", "--force")

    async def evict(self, pod: str) -> None:
        """Evict a pod as soon as the disruption budgets allow it, as `kubectl drain` does."""
        path = f"/api/v1/namespaces/{self.system.namespace}/pods/{pod}/eviction"
        eviction = json.dumps(
            {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        )

        async def is_evicted() -> bool:
            try:
                await self.system.kubectl("create", "--raw", path, "--filename=-", stdin=eviction)
            except CommandError as error:
                assert "disruption budget" in str(error), error
                await asyncio.sleep(1)
                return False
            return True

        await until.true(is_evicted, HEALTHY_WITHIN)

    async def check_votes(self) -> None:
        """Compare every acknowledged vote with the rows."""
        pod = await self.primary("db")
        async with self.system.forwarded(pod, PASSWORD) as url:
            await self.voters.check_stored(url)

    @contextlib.asynccontextmanager
    async def under_load(self) -> AsyncIterator[list[float]]:
        """Vote while the block runs, and until all is well. Then compare every acknowledged vote.

        Yields a list with the longest times in seconds without progress: of voting, of counting.
        """
        found = [0.0, 0.0]
        url = await self.system.url("result")
        async with self.voters.voting():
            await self.voters.well(VOTES)
            watching = [
                asyncio.create_task(self._watch_voting(found)),
                asyncio.create_task(self._watch_counting(found, url)),
            ]
            try:
                yield found
                await self.voters.well(VOTES)
                await self.healthy()
            finally:
                for task in watching:
                    task.cancel()
                await asyncio.wait(watching)
        await self.check_votes()

    async def _watch_voting(self, found: list[float]) -> None:
        count, since = len(self.voters.acknowledged), time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            if len(self.voters.acknowledged) > count:
                count, since = len(self.voters.acknowledged), time.monotonic()
            found[0] = max(found[0], time.monotonic() - since)

    async def _watch_counting(self, found: list[float], url: str) -> None:
        count, since = 0, time.monotonic()
        while True:
            await asyncio.sleep(0.1)
            if (counted := sum((await self.system.results(url)).values())) > count:
                count, since = counted, time.monotonic()
            found[1] = max(found[1], time.monotonic() - since)


@contextlib.asynccontextmanager
async def opened(namespace: str) -> AsyncIterator[Replicated]:
    """Install the overlay."""
    async with restricted(namespace) as system:
        text = await rendered(namespace)
        await system.kubectl("apply", "--filename=-", stdin=text)
        await system.ready(PODS)
        voters = Voters(await system.url("vote"), concurrency=8, pause=0.02)
        running = Replicated(system, voters)
        await running.healthy()
        yield running
