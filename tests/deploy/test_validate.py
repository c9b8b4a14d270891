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
    checked = 0
    for source, resources in manifest.everything().items():
        for resource in resources:
            if resource["apiVersion"].partition("/")[0] in CUSTOM:
                continue
            try:
                kubernetes_validate.validate(resource, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                name = f"{resource['kind']} {resource['metadata']['name']}"
                pytest.fail(f"{source}: {name}, Kubernetes {version}: {error.message}")
            checked += 1
    assert checked > 200


def test_a_wrong_resource_is_noticed() -> None:
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"nme": "x"}}, oldest(), strict=True
        )
