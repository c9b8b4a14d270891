"""The chart and Kustomize, with the same settings, make the same system: they cannot drift."""

import json
import re
import typing

import pytest

from tests.deploy import manifest

COMPONENTS = (
    "availability",
    "autoscaling",
    "gateway",
    "ingress",
    "keda",  # brings migration
    "monitoring",
    "network-policy",
    "seed",
)
GATEWAY = {"enabled": True, "parentRefs": [{"name": "gateway"}]}
SPREAD = [
    {
        "topologyKey": key,
        "maxSkew": 1,
        "whenUnsatisfiable": "ScheduleAnyway",
        "matchLabelKeys": ["pod-template-hash"],
    }
    for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
]
SAME: dict[str, typing.Any] = {
    page: {
        "ingress": {"enabled": True, "host": f"{page}.example.com"},
        "httpRoute": GATEWAY | {"hostnames": [f"{page}.example.com"]},
        "autoscaling": {"enabled": True},
        "pdb": {"enabled": True},
        "topologySpreadConstraints": SPREAD,
    }
    for page in ("vote", "result")
} | {
    "worker": {
        "keda": {"enabled": True},
        "pdb": {"enabled": True},
        "topologySpreadConstraints": SPREAD,
    },
    # As the component has it, where nothing like Helm's revisions names the next Job.
    "migration": {"ttlSecondsAfterFinished": 30},
    "seed": {"enabled": True},
    "networkPolicy": {"monitoringNamespace": "monitoring"},
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "rules": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}
# What the two have each in its own way: names, the labels of a release, how policies are cut.
OWN = {"Namespace", "NetworkPolicy", "Secret"}
Specs = dict[tuple[str, str], typing.Any]


def specs(resources: list[manifest.Resource]) -> Specs:
    """The content of each resource by kind and name, in the words that both have."""
    return {
        (each["kind"], plain(each["metadata"]["name"])): plain(content(each))
        for each in resources
        if each["kind"] not in OWN and "test" not in each["metadata"]["name"]
    }


def content(resource: manifest.Resource) -> typing.Any:
    if resource["kind"] == "ConfigMap":
        return resource["data"]
    spec = json.loads(json.dumps(resource.get("spec", {})))
    if resource["kind"] == "Service":
        spec.setdefault("type", "ClusterIP")
    for container in spec.get("template", {}).get("spec", {}).get("initContainers", []):
        container.setdefault("env", [])
    return spec


def plain(value: typing.Any) -> typing.Any:
    """Without what only one of the two writes: hashes, the release's name, Helm's labels."""
    if isinstance(value, dict):
        return {
            key: plain(item)
            for key, item in value.items()
            if key not in ("app.kubernetes.io/instance", "checksum/settings")
            and not (key in ("annotations", "env", "labels", "matchLabels") and not plain(item))
            and not (key == "labels" and set(item) == {"app.kubernetes.io/part-of"})
        }
    if isinstance(value, list):
        # The order in which variables are listed says nothing.
        return sorted(map(plain, value), key=lambda item: str(item) if is_variable(item) else "")
    if isinstance(value, str):
        value = re.sub(r"\bvote-(?!configmap\b)(?=[a-z])", "", value)
        value = re.sub(r"(-(?:configmap|secret|scripts))-[a-z0-9]{10}$", r"\1", value)
        return re.sub("^migration-1$", "migration", value)
    return value


def is_variable(value: typing.Any) -> bool:
    return isinstance(value, dict) and value.keys() <= {"name", "value", "valueFrom"}


@pytest.fixture(scope="module")
def kustomized() -> Specs:
    return specs(manifest.composed(*COMPONENTS, "credentials"))


@pytest.fixture(scope="module")
def charted() -> Specs:
    return specs(manifest.chart(SAME))


def test_the_same_resources(kustomized: Specs, charted: Specs) -> None:
    made_in_the_cluster = {key for key in kustomized if key[1].startswith("credentials")}
    assert kustomized.keys() - made_in_the_cluster == charted.keys()
    assert len(charted) > 25


def test_the_same_contents(kustomized: Specs, charted: Specs) -> None:
    for key, spec in charted.items():
        assert spec == kustomized[key], key


def test_the_plain_system_is_the_same_too() -> None:
    values = {
        page: {"service": {"type": "NodePort", "nodePort": port}}
        for page, port in (("vote", 31000), ("result", 31001))
    }
    flat = specs(manifest.overlay("flat"))
    for key, spec in specs(manifest.chart(values)).items():
        assert spec == flat[key], key


def test_the_same_secrets_with_the_same_keys() -> None:
    chart = manifest.chart()
    made = {
        plain(each["metadata"]["name"]): sorted(each["stringData"])
        for each in chart
        if each["kind"] == "Secret"
    }
    files = {
        plain(each["metadata"]["name"]): sorted(each["data"])
        for each in manifest.overlay("dev")
        if each["kind"] == "Secret"
    }
    assert made == files


def arrows(resources: list[manifest.Resource], direction: str) -> set[tuple[str, str, int]]:
    """Who may talk to whom at which port, as the policies on one side (ingress, egress) say."""
    other = {"ingress": "from", "egress": "to"}[direction]
    found = set()
    for each in resources:
        if each["kind"] != "NetworkPolicy":
            continue
        own = peer({"podSelector": each["spec"]["podSelector"]})
        for rule in each["spec"].get(direction) or []:
            peers = [peer(entry) for entry in rule.get(other, [])] or ["anywhere"]
            ports = [entry["port"] for entry in rule.get("ports", [])] or [0]
            found |= {(own, name, port) for name in peers for port in ports}
    return found


def peer(selector: typing.Any) -> str:
    pods = selector.get("podSelector", {}).get("matchLabels", {})
    spaces = selector.get("namespaceSelector", {}).get("matchLabels", {})
    names = [labels.get("app.kubernetes.io/name") for labels in (pods,)]
    return str(names[0] or spaces.get("kubernetes.io/metadata.name") or "every pod")


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_the_same_arrows(direction: str) -> None:
    names = {("every pod", "kube-system", 0)}
    flat = arrows(manifest.composed(*COMPONENTS), direction) - names
    chart = {
        arrow for arrow in arrows(manifest.chart(SAME), direction) if arrow[1] != "kube-system"
    }
    assert chart == flat


def test_both_ends_of_an_arrow_agree() -> None:
    resources = manifest.overlay("dev")
    inward, outward = arrows(resources, "ingress"), arrows(resources, "egress")
    pages = {("vote", "anywhere", 8080), ("result", "anywhere", 8081)}
    assert inward - pages == {
        ("redis", "vote", 6379),
        ("redis", "worker", 6379),
        ("redis", "result", 6379),
        ("db", "worker", 5432),
        ("db", "result", 5432),
        ("db", "migration", 5432),
    }
    jobs = {("seed", "vote", 8080), ("seed", "result", 8081)}
    backwards = {(to, who, port) for who, to, port in outward - {("every pod", "kube-system", 0)}}
    assert backwards - {(to, who, port) for who, to, port in jobs} == inward - pages
