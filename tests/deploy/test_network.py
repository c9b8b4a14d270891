"""The network policies: closed in both directions, and each store accepts its clients only."""

from typing import Any

import pytest

from tests.deploy import manifest

NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
PORTS = {"vote": 8080, "result": 8081, "redis": 6379, "db": 5432}
# What each pod connects to.
TARGETS = {
    "vote": {"redis"},
    "worker": {"redis", "db"},
    "result": {"redis", "db"},
    "migration": {"db"},
    "seed": {"vote", "result"},
}
RENDERED = ("k8s", "overlays dev", "overlays prod", "overlays charts", "chart default")
DNS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
    "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
}
COLLECTOR = {"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}], "ports": [{"port": 4318}]}


def policies(resources: list[manifest.Resource]) -> dict[str, Any]:
    """The policy of each pod by the pod's name; "" is the one of all pods."""
    return {
        each["spec"]["podSelector"].get("matchLabels", {}).get(NAME, ""): each["spec"]
        for each in resources
        if each["kind"] == "NetworkPolicy"
    }


def names(peers: list[Any], source: str) -> set[str]:
    """The names of pods in a rule, which are pods of this namespace."""
    found = set()
    for peer in peers:
        assert peer.keys() == {"podSelector"}
        labels = peer["podSelector"]["matchLabels"]
        found.add(labels[NAME])
        if source == "chart default":  # not those of another release
            assert labels[INSTANCE] == "vote"
    return found


@pytest.mark.parametrize("source", RENDERED)
def test_all_connections_are_denied_but_to_dns(source: str) -> None:
    resources = manifest.source(source)
    for spec in policies(resources).values():
        assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
    default = policies(resources)[""]
    assert "ingress" not in default
    assert default["egress"] == [{"to": [DNS]}]
    for template in manifest.pods(resources).values():
        selected = default["podSelector"].get("matchLabels", {})
        assert selected.items() <= template["metadata"]["labels"].items()


@pytest.mark.parametrize("store", ["redis", "db"])
@pytest.mark.parametrize("source", RENDERED)
def test_a_store_accepts_its_clients_only(source: str, store: str) -> None:
    policy = policies(manifest.source(source))[store]
    assert "egress" not in policy
    clients = set()
    for rule in policy["ingress"]:
        assert [each["port"] for each in rule["ports"]] == [PORTS[store]]
        clients |= names(rule["from"], source)
    assert clients == {each for each in TARGETS if store in TARGETS[each]}


@pytest.mark.parametrize("source", RENDERED)
def test_a_pod_connects_to_the_ports_of_what_it_uses_only(source: str) -> None:
    resources = manifest.source(source)
    for pod in TARGETS:
        opened = set()
        for rule in policies(resources)[pod]["egress"]:
            (target,), (port,) = names(rule["to"], source), rule["ports"]
            assert port["port"] == PORTS[target]
            opened.add(target)
        assert opened == TARGETS[pod], pod


def test_only_the_port_of_an_external_store_is_open() -> None:
    values = {**manifest.EXTERNAL, "externalRedis": {**manifest.EXTERNAL["externalRedis"]}}
    values["externalRedis"]["port"] = 6380
    found = policies(manifest.chart(values))
    redis, postgres = ({"ports": [{"port": port}]} for port in (6380, 5432))
    assert found["vote"]["egress"] == [redis]
    assert found["worker"]["egress"] == found["result"]["egress"] == [redis, postgres]
    assert found["migration"]["egress"] == [postgres]
    assert not found.keys() & {"redis", "db"}


def test_the_ports_of_sentinels_are_open() -> None:
    found = policies(manifest.source("chart replicated"))
    assert found["vote"]["egress"] == [{"ports": [{"port": p} for p in (6379, 26379, 26380)]}]


def test_more_egress_can_be_allowed() -> None:
    found = policies(manifest.chart({"networkPolicy": {"extraEgress": [COLLECTOR]}}))
    assert found[""]["egress"] == [{"to": [DNS]}, COLLECTOR]


def test_the_network_policies_can_be_left_out() -> None:
    assert not policies(manifest.chart({"networkPolicy": {"enabled": False}}))
