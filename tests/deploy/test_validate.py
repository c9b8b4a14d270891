"""Every resource is valid in the oldest Kubernetes that the chart takes, and in the newest."""

import re

import kubernetes_validate
import pytest
import yaml

from tests.deploy import manifest

# Not defined by Kubernetes; in the tests on a cluster the API server checks them.
CUSTOM = {"keda.sh", "monitoring.coreos.com", "gateway.networking.k8s.io"}


def oldest() -> str:
    wanted = yaml.safe_load((manifest.CHART / "Chart.yaml").read_text())["kubeVersion"]
    found = re.fullmatch(r">=(\d+\.\d+\.\d+)-0", wanted)
    assert found, wanted
    return found[1]


@pytest.mark.parametrize("version", [oldest(), kubernetes_validate.latest_version()])
def test_every_resource_is_valid(version: str) -> None:
    everything = manifest.everything().items()
    assert sum(check(resources, version, source) for source, resources in everything) > 200


def check(
    resources: list[manifest.Resource], version: str = manifest.NEWEST, source: str = "chart"
) -> int:
    """Fails the test where one is not valid. Returns how many were looked at."""
    checked = 0
    for resource in resources:
        if resource["apiVersion"].partition("/")[0] in CUSTOM:
            continue
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            name = f"{resource['kind']} {resource['metadata']['name']}"
            pytest.fail(f"{source}: {name}, Kubernetes {version}: {error.message}")
        checked += 1
    return checked


def test_a_wrong_resource_is_noticed() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"nme": "x"}}, oldest(), strict=True
        )


@pytest.mark.parametrize(
    ("release", "namespace"), [("on", "2026"), ("null", "true"), ("vote", "1")]
)
def test_names_that_yaml_takes_for_something_else(release: str, namespace: str) -> None:
    made = manifest.chart(manifest.FULL, release=release, namespace=namespace)
    check(made)
    for each in made:
        assert each["metadata"]["namespace"] == namespace
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == release


def test_values_that_yaml_takes_for_numbers() -> None:
    values = {
        "tags": {"stores": False},
        "externalRedis": {"host": "r", "existingSecret": "1", "existingSecretKey": "2"},
        "externalDatabase": {
            "host": "d",
            "existingSecret": "3",
            "existingSecretKey": "4",
            "existingSecretResultKey": "5",
        },
        "migration": {"enabled": True, "existingSecret": "6"},
        "vote": {"ingress": {"enabled": True, "host": "v", "className": "7", "tlsSecret": "8"}},
        "worker": {"keda": {"enabled": True, "namespace": "9"}, "priorityClassName": "10"},
    }
    made = manifest.chart(values)
    check(made)
    (keda,) = (each for each in made if each["kind"] == "TriggerAuthentication")
    (source,) = keda["spec"]["secretTargetRef"]
    assert (source["name"], source["key"]) == ("1", "2")
    check(manifest.chart({"redis": {"auth": {"existingSecret": "1"}, "priorityClassName": "2"}}))
