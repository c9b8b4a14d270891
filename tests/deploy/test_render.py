"""Rendered files in the repository are up to date, and everything renders."""

import base64
import re
import sys
from pathlib import Path

import dotenv
import pytest

from common import __version__
from tests.deploy import manifest


@pytest.mark.parametrize("script", ["mk/render.py", "chart/readme.py"])
def test_rendered_files_are_up_to_date(script: str) -> None:
    manifest.run("kubectl", "version", "--client")
    manifest.run(sys.executable, str(manifest.ROOT / script), "--check")


@pytest.mark.parametrize("name", manifest.OVERLAYS)
def test_an_overlay_is_a_whole_system_in_its_own_namespace(name: str) -> None:
    resources = manifest.overlay(name)
    (namespace,) = (each for each in resources if each["kind"] == "Namespace")
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    found = {each["metadata"].get("namespace") for each in resources if each is not namespace}
    assert found == {namespace["metadata"]["name"]}
    names = {each["metadata"]["name"] for each in resources if "template" in each.get("spec", {})}
    stores = set() if name == "external" else {"redis", "db"}
    assert names == {"vote", "worker", "result"} | stores


@pytest.mark.parametrize("name", ["prod", "external"])
def test_missing_credentials_are_a_clear_error(name: str, tmp_path: Path) -> None:
    overlay = manifest.copy(tmp_path) / "overlays" / name
    (overlay / "worker.env").unlink()
    with pytest.raises(manifest.RenderError, match=r"worker.env: no such file"):
        manifest.render(overlay)


def test_a_changed_setting_gets_a_new_name(tmp_path: Path) -> None:
    dev = manifest.copy(tmp_path) / "overlays" / "dev"
    (dev / ".env").write_text((dev / ".env").read_text() + "LOG_LEVEL=debug\n")

    def worker_secret(resources: list[manifest.Resource]) -> str:
        worker = manifest.pods(resources)["Deployment worker"]["spec"]["containers"][0]
        return str(worker["envFrom"][1]["secretRef"]["name"])

    changed = worker_secret(manifest.render(dev))
    assert changed.startswith("worker-db-secret-")
    assert changed != worker_secret(manifest.overlay("dev"))


def test_names_in_k8s_are_stable() -> None:
    names = {each["metadata"]["name"] for each in manifest.source("k8s")}
    assert {"vote-configmap", "db-scripts", "redis-secret", "db-secret"} <= names


@pytest.mark.parametrize("name", ["dev", "charts"])
def test_the_services_and_the_stores_have_the_same_passwords(name: str, tmp_path: Path) -> None:
    secrets = {
        each["metadata"]["name"].rpartition("-")[0]: {
            key: base64.b64decode(text).decode() for key, text in each["data"].items()
        }
        for each in manifest.overlay(name)
        if each["kind"] == "Secret"
    }
    (tmp_path / ".env").write_text(secrets["result-db-secret"][".env"])
    result = dotenv.dotenv_values(tmp_path / ".env")
    worker = secrets["worker-db-secret"]
    for service in (worker, result):
        role = service["DB_USER"]
        assert service["DB_PASS"] == secrets["db-secret"][f"{role}-password"]
        assert service["REDIS_PASSWORD"] == secrets["redis-secret"]["password"]


@pytest.mark.parametrize("source", ["overlays dev"])
def test_result_finds_its_env_file_in_its_working_directory(source: str) -> None:
    folder = re.findall(
        "^WORKDIR (.*)", (manifest.ROOT / "result" / "Dockerfile").read_text(), re.MULTILINE
    )
    template = manifest.pods(manifest.source(source))["Deployment result"]
    for container in manifest.containers(template):
        (mount,) = container["volumeMounts"]
        assert (mount["mountPath"], mount["subPath"]) == (f"{folder[-1]}/.env", ".env")


def test_k8s_has_the_passwords_once_and_calls_them_public() -> None:
    secrets = {
        each["metadata"]["name"]: each["stringData"]
        for each in manifest.source("k8s")
        if each["kind"] == "Secret"
    }
    assert secrets.keys() == {"redis-secret", "db-secret"}
    for name in secrets:
        assert "PUBLIC PASSWORD" in (manifest.ROOT / "k8s" / f"{name}.yaml").read_text()
    for service in ("worker", "result"):
        for container in manifest.containers(
            manifest.pods(manifest.source("k8s"))[f"Deployment {service}"]
        ):
            used = {
                each["name"]: each["valueFrom"]["secretKeyRef"]
                for each in container["env"]
                if "valueFrom" in each
            }
            assert used == {
                "DB_PASS": {"name": "db-secret", "key": f"{service}-password"},
                "REDIS_PASSWORD": {"name": "redis-secret", "key": "password"},
            }


def test_every_image_has_the_version_of_the_project() -> None:
    images = {
        container["image"].removeprefix("registry.example.com/you/")  # of chart/examples
        for name in manifest.SOURCES
        for template in manifest.pods(manifest.source(name)).values()
        for container in manifest.containers(template)
    }
    services = {f"voting-{name}:{__version__}" for name in ("vote", "worker", "result", "postgres")}
    assert images == services | {
        f"voting-seed:{__version__}",
        "postgres:18",
        "valkey/valkey:8",
    }
