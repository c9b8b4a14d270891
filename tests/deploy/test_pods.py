"""Every pod, from whichever way in: restricted, small, probed."""

import typing

import pytest

from tests.deploy import manifest

MOUNTS_A_TOKEN = {"credentials"}
MOST = {"cpu": 1000, "memory": 512}  # millicores and MiB of one pod's limits: fits a laptop
REQUESTED = {"cpu": 100, "memory": 256}  # of its requests


@pytest.fixture(params=manifest.SOURCES)
def templates(request: pytest.FixtureRequest) -> dict[str, typing.Any]:
    return manifest.pod_specs(manifest.source(request.param))


def containers(template: typing.Any) -> list[typing.Any]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def test_no_pod_may_more_than_it_needs(templates: dict[str, typing.Any]) -> None:
    for template in templates.values():
        spec, name = template["spec"], template["metadata"]["labels"]["app.kubernetes.io/name"]
        assert spec["automountServiceAccountToken"] is (name in MOUNTS_A_TOKEN)
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == (999 if name in ("db", "redis") else 10001)
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert not [volume for volume in spec.get("volumes", []) if "hostPath" in volume]
        for container in containers(template):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert not container["image"].endswith(":latest")


def test_every_container_has_a_size_that_fits_a_laptop(templates: dict[str, typing.Any]) -> None:
    for template in templates.values():
        for container in containers(template):
            for bounds, sizes in ((MOST, "limits"), (REQUESTED, "requests")):
                given = container["resources"][sizes]
                assert 0 < millicores(given["cpu"]) <= bounds["cpu"]
                assert 0 < int(given["memory"].removesuffix("Mi")) <= bounds["memory"]


def millicores(cpu: str) -> int:
    return int(cpu.removesuffix("m")) if cpu.endswith("m") else 1000 * int(cpu)


def test_three_probes_with_three_meanings(templates: dict[str, typing.Any]) -> None:
    for name, template in templates.items():
        if not name.startswith(("Deployment", "StatefulSet")):
            continue
        (container,) = template["spec"]["containers"]
        probes = [container[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
        startup, liveness, readiness = probes
        # What is slow to start is not restarted for it, and what is ready is not just alive.
        assert startup["failureThreshold"] * startup["periodSeconds"] >= 60
        assert liveness["failureThreshold"] * liveness["periodSeconds"] >= 30
        action = {"failureThreshold", "periodSeconds", "timeoutSeconds"}
        assert {key: liveness[key] for key in liveness.keys() - action} != {
            key: readiness[key] for key in readiness.keys() - action
        }
        if name.startswith("Deployment"):
            assert (liveness["httpGet"]["path"], readiness["httpGet"]["path"]) == ("/healthz", "/readyz")


def test_the_services_wait_by_their_own_image(templates: dict[str, typing.Any]) -> None:
    waits = {"vote": ["redis"], "worker": ["redis", "db"], "result": ["db"]}
    for name, template in templates.items():
        service = template["metadata"]["labels"]["app.kubernetes.io/name"]
        if name.startswith("Deployment"):
            (wait,) = template["spec"]["initContainers"]
            assert wait["image"] == template["spec"]["containers"][0]["image"]
            assert [word for word in wait["args"] if word in ("redis", "db")] == waits[service]


def test_a_page_serves_on_while_it_is_taken_out(templates: dict[str, typing.Any]) -> None:
    for name, template in templates.items():
        service = template["metadata"]["labels"]["app.kubernetes.io/name"]
        if name.startswith("Deployment") and service in ("vote", "result"):
            slept = template["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            # The service itself takes 10 seconds at most.
            assert template["spec"]["terminationGracePeriodSeconds"] >= slept + 10
