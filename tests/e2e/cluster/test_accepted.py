"""The API server accepts everything that can be rendered, including custom resources."""

import json
from typing import Any

import pytest

from tests.deploy import manifest
from tests.e2e.cluster.release import CHART, NAME
from tests.e2e.cluster.system import System, restricted, run

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.timeout(300)]

CUSTOM = {"HTTPRoute", "PodMonitor", "PrometheusRule", "ScaledObject"}


async def accept(system: System, resources: list[manifest.Resource]) -> set[str]:
    """Apply the resources in this namespace, as a dry run; return their kinds."""
    moved = json.loads(json.dumps([each for each in resources if each["kind"] != "Namespace"]))
    for each in moved:
        each["metadata"]["namespace"] = system.namespace
        if each["kind"] == "Service":  # another test may use the port at this moment
            for port in each["spec"]["ports"]:
                port.pop("nodePort", None)
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": moved})
    apply = ("apply", "--dry-run=server", "--warnings-as-errors", "--filename=-")
    await system.kubectl(*apply, stdin=given)
    return {each["kind"] for each in moved}


async def test_the_api_server_accepts_everything() -> None:
    async with restricted("voting-test-accepted") as system:
        await system.kubectl("create", "serviceaccount", "vote")  # the dry run does not create it
        seen = [await accept(system, manifest.source(source)) for source in manifest.SOURCES]
        assert set().union(*seen) >= CUSTOM
        assert await accept(system, [manifest.cloud_gateway()]) == {"Gateway"}


NOTES: dict[str, tuple[dict[str, Any], str]] = {
    "ClusterIP": ({}, "port-forward service/vote 8080:5000"),
    "NodePort": ({"service": {"type": "NodePort"}}, "http://ADDRESS-OF-A-NODE:$(kubectl"),
    "Ingress": ({"ingress": {"enabled": True}}, "http://vote.example.com/"),
}


@pytest.mark.parametrize("way", NOTES)
async def test_the_notes_say_how_to_reach_the_page(way: str) -> None:
    values, address = NOTES[way]
    command = ("helm", "install", NAME, CHART, "--dry-run=server", "--values=-")
    said = await run(*command, "--namespace=default", stdin=json.dumps({"vote": values}))
    assert address in said.partition("NOTES:")[2]
