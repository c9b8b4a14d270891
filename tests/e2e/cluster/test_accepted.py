"""The API server takes all that can be rendered, the custom resources too."""

import json
import typing

import pytest

from tests.deploy import manifest
from tests.e2e.cluster import command, release, space

pytestmark = pytest.mark.asyncio(loop_scope="package")

CUSTOM = {"HTTPRoute", "ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject"}


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[manifest.Resource]]:
    return manifest.everything()


async def accepted(own: space.Space, resources: list[manifest.Resource]) -> str:
    """What `kubectl apply` says of the resources, moved to a namespace, without keeping them."""
    moved = json.loads(json.dumps([each for each in resources if each["kind"] != "Namespace"]))
    for each in moved:
        each["metadata"]["namespace"] = own.name
        if each["kind"] == "Service":  # another test may have the port at this moment
            for port in each["spec"]["ports"]:
                port.pop("nodePort", None)
    given = json.dumps({"apiVersion": "v1", "kind": "List", "items": moved})
    # Warnings would go unseen: here each is an error.
    return await own.kubectl(
        *("apply", "--dry-run=server", "--warnings-as-errors", "--filename", "-"), stdin=given
    )


async def test_the_api_server_takes_everything(
    rendered: dict[str, list[manifest.Resource]],
) -> None:
    seen: set[str] = set()
    async with space.restricted("voting-test-accepted") as own:
        await own.kubectl("create", "serviceaccount", "vote")  # which the full chart would make
        for source in manifest.SOURCES:
            said = await accepted(own, rendered[source])
            expected = [each for each in rendered[source] if each["kind"] != "Namespace"]
            assert len(said.splitlines()) == len(expected), source
            seen |= {each["kind"] for each in expected}
        assert seen >= CUSTOM
        # It does check them.
        wrong: typing.Any = json.loads(json.dumps(rendered["components"]))
        for each in wrong:
            if each["kind"] == "HTTPRoute":
                each["spec"]["hostnames"] = ["not a host name"]
        with pytest.raises(command.CommandError, match="hostnames"):
            await accepted(own, wrong)


async def test_the_chart_is_taken_with_every_option() -> None:
    async with space.restricted("voting-test-options") as own:
        given = json.dumps(manifest.FULL)
        running = release.Release(own)
        # --dry-run=server renders with what the cluster knows: its version, and its resources.
        chart = str(release.ROOT / "chart")
        said = await running.run(
            *("install", release.NAME, chart, "--dry-run=server", "--values=-"), stdin=given
        )
        assert "kind: PrometheusRule" in said


NOTES: dict[str, tuple[dict[str, typing.Any], str]] = {
    "ClusterIP": ({}, "port-forward service/vote 8080:5000"),
    "NodePort": ({"service": {"type": "NodePort"}}, "http://ANY-NODE:$(kubectl"),
    "a node port": ({"service": {"type": "NodePort", "nodePort": 30999}}, "http://ANY-NODE:30999/"),
    "LoadBalancer": ({"service": {"type": "LoadBalancer"}}, ".status.loadBalancer.ingress[0]"),
    "Ingress": (
        {"ingress": {"enabled": True, "host": "vote.example.com", "tlsSecret": "tls"}},
        "https://vote.example.com/",
    ),
    "Gateway": (
        {
            "httpRoute": {
                "enabled": True,
                "parentRefs": [{"name": "gateway"}],
                "hostnames": ["vote.example.com"],
            }
        },
        "https://vote.example.com/ (by your gateway)",
    ),
}


@pytest.mark.parametrize("way", NOTES)
async def test_the_notes_say_how_to_reach_the_page(way: str) -> None:
    values, told = NOTES[way]
    said = await command.run(
        *("helm", "install", release.NAME, str(release.ROOT / "chart"), "--dry-run=server"),
        *("--namespace", "default", "--values=-"),
        stdin=json.dumps({"vote": values}),
    )
    notes = said.partition("NOTES:")[2]
    assert told in notes
    assert "The result page:\n  kubectl -n default port-forward service/vote-result" in notes
