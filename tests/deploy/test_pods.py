"""Every pod, whichever way in: restricted, small and probed."""

import re
from typing import Any

import pytest
import yaml

from common.settings import RETIRED
from tests.conftest import SETTINGS
from tests.deploy import manifest

NAME = "app.kubernetes.io/name"
WAITS_FOR = {"vote": ["redis"], "worker": ["redis", "db"], "result": ["db"]}


@pytest.fixture(params=manifest.SOURCES)
def templates(request: pytest.FixtureRequest) -> dict[str, Any]:
    return manifest.pods(manifest.source(request.param))


def test_no_pod_has_more_rights_than_it_needs(templates: dict[str, Any]) -> None:
    for template in templates.values():
        spec, name = template["spec"], template["metadata"]["labels"][NAME]
        needs_api = spec.get("serviceAccountName") == "db"
        assert spec["automountServiceAccountToken"] is needs_api
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == (999 if name in ("db", "redis") else 10001)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["enableServiceLinks"] is False
        for container in manifest.containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_secrets_are_files_named_like_settings(templates: dict[str, Any]) -> None:
    for template in templates.values():
        if template["metadata"]["labels"][NAME] not in WAITS_FOR:
            continue
        for volume in template["spec"].get("volumes", []):
            sources = volume.get("projected", {}).get("sources", [volume])
            found = {item["path"] for each in sources for item in each["secret"]["items"]}
            assert found == {".env"} or found <= {name.lower() for name in SETTINGS - set(RETIRED)}
            for container in manifest.containers(template):
                (mount,) = container["volumeMounts"]
                assert mount["mountPath"] == ("/app/.env" if ".env" in found else "/run/secrets")


@pytest.mark.parametrize("name", manifest.SOURCES)
def test_no_setting_is_retired(name: str) -> None:
    found = yaml.safe_dump(manifest.source(name))
    assert not [each for each in RETIRED if re.search(rf"\b{each}\b", found)]


def test_every_container_has_a_size_that_fits_a_laptop(templates: dict[str, Any]) -> None:
    for template in templates.values():
        for container in manifest.containers(template):
            requests, limits = (container["resources"][name] for name in ("requests", "limits"))
            assert requests["cpu"] in ("25m", "50m")
            assert limits["cpu"] == "1"
            assert int(requests["memory"].removesuffix("Mi")) <= 128
            assert int(limits["memory"].removesuffix("Mi")) <= 512


def test_services_wait_for_their_stores_and_are_probed(templates: dict[str, Any]) -> None:
    for name, template in templates.items():
        service = template["metadata"]["labels"][NAME]
        if not name.startswith("Deployment"):
            continue
        (wait,), (container,) = template["spec"]["initContainers"], template["spec"]["containers"]
        assert wait["image"] == container["image"]
        assert [word for word in wait["args"] if word in ("redis", "db")] == WAITS_FOR[service]
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        if service != "worker":  # a page serves on until every node knows that it terminates
            slept = container["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert template["spec"]["terminationGracePeriodSeconds"] >= slept + 10
