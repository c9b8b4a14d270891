"""The network policies: closed both ways, and each store opens to whom it serves alone."""

import typing

import pytest

from tests.deploy import manifest

NAME = "app.kubernetes.io/name"
INSTANCE = "app.kubernetes.io/instance"
# Who may come in, by the pods that a policy is for: the arrows of the design.
GUESTS = {
    "db": {"worker", "result", "migration"},
    "redis": {"vote", "worker", "result"},
}
RENDERED = ("overlays/flat", "overlays/dev", "overlays/prod", "chart")


def policies(rendered: str) -> list[manifest.Resource]:
    kind, _, name = rendered.partition("/")
    resources = manifest.chart() if kind == "chart" else manifest.overlay(name)
    return [each for each in resources if each["kind"] == "NetworkPolicy"]


def selected(selector: dict[str, typing.Any]) -> set[str]:
    """The names of the pods that a selector takes; "*" where it takes others too."""
    labels = selector.get("matchLabels", {})
    named = {labels[NAME]} if NAME in labels else set()
    for each in selector.get("matchExpressions", []):
        if each["key"] == NAME and each["operator"] == "In":
            named |= set(each["values"])
    return named or {"*"}


def test_the_port_of_a_store_from_elsewhere_is_the_one_that_opens() -> None:
    redis = {"port": 6380, "existingSecret": "mine", "existingSecretUrlKey": "url"}
    database = {"host": "postgres.example.com", "password": "secret", "port": 5433}
    values = {"tags": {"stores": False}, "externalRedis": redis, "externalDatabase": database}
    opened = {
        each["metadata"]["labels"][NAME]: {
            port["port"] for rule in each["spec"]["egress"] for port in rule.get("ports", [])
        }
        for each in manifest.chart(values)
        if each["kind"] == "NetworkPolicy"
    }
    assert opened["vote"] == {6380}
    assert opened["worker"] == opened["result"] == {5433, 6380}


@pytest.mark.parametrize("rendered", RENDERED)
def test_each_closes_both_directions(rendered: str) -> None:
    found = policies(rendered)
    assert found
    for each in found:
        assert set(each["spec"]["policyTypes"]) == {"Ingress", "Egress"}, each["metadata"]["name"]


@pytest.mark.parametrize("rendered", RENDERED)
@pytest.mark.parametrize("store", GUESTS)
def test_a_store_lets_in_whom_it_serves_and_nobody_else(rendered: str, store: str) -> None:
    (policy,) = (
        each for each in policies(rendered) if selected(each["spec"]["podSelector"]) == {store}
    )
    guests = set()
    for rule in policy["spec"]["ingress"]:
        assert rule["from"] and rule["ports"]
        for source in rule["from"]:
            assert source.keys() == {"podSelector"}  # this namespace's alone
            guests |= selected(source["podSelector"])
            if rendered == "chart":  # not those of another release
                assert source["podSelector"]["matchLabels"][INSTANCE] == "vote"
    assert guests <= GUESTS[store]
    assert guests >= GUESTS[store] - {"migration"}
