"""What is rendered into the repository is up to date, and everything renders."""

import base64
import pathlib
import re
import shutil
import sys
import tomllib

import pytest

from common import setting_source
from tests.deploy import manifest


def test_the_rendered_files_are_up_to_date() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed")
    manifest.run(sys.executable, str(manifest.KUSTOMIZE / "render.py"), "--check")


def test_the_readme_of_the_chart_is_up_to_date() -> None:
    manifest.run(sys.executable, str(manifest.CHART / "readme.py"), "--check")


@pytest.mark.parametrize("name", manifest.OVERLAYS)
def test_an_overlay_is_a_whole_system_in_its_namespace(name: str) -> None:
    resources = manifest.overlay(name)
    namespaces = {each["metadata"]["name"] for each in resources if each["kind"] == "Namespace"}
    assert len(namespaces) == 1
    assert {each["metadata"].get("namespace") for each in resources} == {None, *namespaces}
    deployed = {each["metadata"]["name"] for each in resources if each["kind"] == "Deployment"}
    assert deployed == {"vote", "worker", "result"}
    stores = {each["metadata"]["name"] for each in resources if each["kind"] == "StatefulSet"}
    assert stores == (set() if name == "external" else {"redis", "db"})
    enforced = [
        each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for each in resources
        if each["kind"] == "Namespace"
    ]
    assert enforced == ["restricted"]


@pytest.mark.parametrize("name", ["prod", "external"])
def test_missing_credentials_are_a_clear_error(name: str, tmp_path: pathlib.Path) -> None:
    overlay = manifest.copy(tmp_path) / "overlays" / name
    for example in overlay.glob("*.example"):
        example.with_suffix("").unlink()
    with pytest.raises(manifest.RenderError, match=r"env: no such file or directory"):
        manifest.render(overlay)


@pytest.mark.parametrize("password", ["Tr0ub4dor #3", '"quoted"', "$HOME `id`", " blanks "])
def test_a_password_is_the_same_wherever_an_example_has_its_place(
    password: str, tmp_path: pathlib.Path
) -> None:
    """Kustomize takes the values as they stand; result reads its file as dotenv files are read."""
    prod = manifest.copy(tmp_path) / "overlays" / "prod"
    for file in prod.glob("*.env"):
        filled = re.sub("(?m)(=|=')('?)$", lambda at: at[1] + password + at[2], file.read_text())
        file.write_text(filled)
    resources = manifest.parse(manifest.render(prod))
    redis, db, worker = (data(resources, f"{name}-secret") for name in ("redis", "db", "worker-db"))
    file = tmp_path / ".env"
    file.write_text(data(resources, "result-db-secret")[".env"])
    result = setting_source.read_env_file(file)
    assert {redis["password"], *db.values()} == {password}
    for service in (worker, result):
        assert (service["DB_PASS"], service["REDIS_PASSWORD"]) == (password, password)


def data(resources: list[manifest.Resource], name: str) -> dict[str, str]:
    """What is in a secret that Kustomize has generated."""
    (found,) = (
        each["data"]
        for each in resources
        if each["kind"] == "Secret" and each["metadata"]["name"].rpartition("-")[0] == name
    )
    return {key: base64.b64decode(value).decode() for key, value in found.items()}


def test_a_changed_setting_gets_a_new_name(tmp_path: pathlib.Path) -> None:
    dev = manifest.copy(tmp_path) / "overlays" / "dev"
    (dev / ".env").write_text((dev / ".env").read_text() + "LOG_LEVEL=debug\n")

    def worker_secret(resources: list[manifest.Resource]) -> str:
        worker = manifest.pod_specs(resources)["Deployment worker"]["spec"]
        return str(worker["containers"][0]["envFrom"][1]["secretRef"]["name"])

    changed = worker_secret(manifest.parse(manifest.render(dev)))
    assert changed.startswith("worker-db-secret-")
    assert changed != worker_secret(manifest.overlay("dev"))


def test_every_image_has_the_projects_version() -> None:
    project = tomllib.loads((manifest.ROOT / "pyproject.toml").read_text())["project"]
    images = {
        container["image"]
        for resources in manifest.everything().values()
        for template in manifest.pod_specs(resources).values()
        for kind in ("initContainers", "containers")
        for container in template["spec"].get(kind, [])
    }
    assert images == {
        *(f"voting-{name}:{project['version']}" for name in ("vote", "worker", "result", "seed")),
        "postgres:18",
        "valkey/valkey:8",
    }
