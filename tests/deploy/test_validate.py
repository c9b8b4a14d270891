"""Every resource is valid in the oldest Kubernetes that the chart supports, and in the newest."""

import kubernetes_validate
import pytest
import yaml

from tests.deploy import manifest

# Not part of Kubernetes; in the tests on a cluster, the API server validates them.
CUSTOM = {"keda.sh", "monitoring.coreos.com", "gateway.networking.k8s.io"}
OLDEST = yaml.safe_load((manifest.CHART / "Chart.yaml").read_text())["kubeVersion"][2:-2]


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
@pytest.mark.parametrize("source", manifest.SOURCES)
def test_every_resource_is_valid(source: str, version: str) -> None:
    resources = manifest.source(source)
    assert len(resources) > 10
    for resource in resources:
        if resource["apiVersion"].partition("/")[0] not in CUSTOM:
            kubernetes_validate.validate(resource, version, strict=True)
