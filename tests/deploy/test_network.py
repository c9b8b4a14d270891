"""The network policies: closed in both directions, and each store accepts its clients only."""

from typing import Any

import pytest

from tests.deploy import manifest

NAME = "app.kubernetes.io/name"
CLIENTS = {
    "db": {"worker", "result", "migration", "reset"},
    "redis": {"vote", "worker", "result", "reset"},
}
RENDERED = ("k8s", "overlays dev", "overlays prod", "overlays charts", "chart default")


def policies(source: str) -> list[Any]:
    return [each["spec"] for each in manifest.source(source) if each["kind"] == "NetworkPolicy"]


@pytest.mark.parametrize("source", RENDERED)
def test_each_policy_closes_both_directions(source: str) -> None:
    assert policies(source)
    for spec in policies(source):
        assert set(spec["policyTypes"]) == {"Ingress", "Egress"}


@pytest.mark.parametrize("store", CLIENTS)
@pytest.mark.parametrize("source", RENDERED)
def test_a_store_accepts_its_clients_only(source: str, store: str) -> None:
    (policy,) = (
        spec
        for spec in policies(source)
        if spec["podSelector"].get("matchLabels", {}).get(NAME) == store
    )
    clients = set()
    for rule in policy["ingress"]:
        assert len(rule["ports"]) == 1
        for peer in rule["from"]:
            assert peer.keys() == {"podSelector"}  # pods of this namespace
            labels = peer["podSelector"]["matchLabels"]
            clients.add(labels[NAME])
            if source == "chart default":  # not those of another release
                assert labels["app.kubernetes.io/instance"] == "vote"
    # The chart has no Job for a reset.
    assert clients == CLIENTS[store] - ({"reset"} if source == "chart default" else set())


def test_the_port_of_an_external_store_is_opened() -> None:
    values = {**manifest.EXTERNAL, "externalRedis": {**manifest.EXTERNAL["externalRedis"]}}
    values["externalRedis"]["port"] = 6380
    opened = {
        each["metadata"]["labels"][NAME]: {
            port["port"] for rule in each["spec"]["egress"] for port in rule.get("ports", [])
        }
        for each in manifest.chart(values)
        if each["kind"] == "NetworkPolicy"
    }
    assert opened["vote"] == {6380}
    assert opened["worker"] == opened["result"] == {5432, 6380}
