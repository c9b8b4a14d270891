"""Fault injection: off by default; where they are on, result gets the presenter's token."""

import base64
from pathlib import Path
from typing import Any

import dotenv
import pytest

from tests.deploy import manifest

ON: dict[str, Any] = {"faults": {"enabled": True}}
OWN: dict[str, Any] = {"faults": {"enabled": True, "existingSecret": "own"}}


@pytest.mark.parametrize("source", ["k8s", "overlays prod", "overlays external", "chart default"])
def test_faults_are_off_unless_requested(source: str) -> None:
    assert "FAULTS" not in manifest.environment(manifest.source(source), "Deployment vote")


def test_in_the_overlay_dev_faults_are_on_and_result_has_the_token(tmp_path: Path) -> None:
    resources = manifest.overlay("dev")
    assert manifest.environment(resources, "Deployment vote")["FAULTS"] == "enabled"
    (secret,) = (
        each["data"]
        for each in resources
        if each["kind"] == "Secret" and each["metadata"]["name"].startswith("result-db-secret")
    )
    (tmp_path / ".env").write_bytes(base64.b64decode(secret[".env"]))
    assert dotenv.dotenv_values(tmp_path / ".env")["PRESENTER_TOKEN"]


@pytest.mark.parametrize(("values", "name"), [(ON, "vote-presenter-secret"), (OWN, "own")])
def test_with_the_value_result_reads_the_token_from_the_secret(
    values: dict[str, Any], name: str
) -> None:
    made = manifest.chart(values)
    spec = manifest.pods(made)["Deployment vote-result"]["spec"]
    environment = manifest.environment(made, "Deployment vote-result")
    assert environment["FAULTS"] == "enabled"
    (projected,) = (each["projected"] for each in spec["volumes"] if "projected" in each)
    (items,) = (
        each["secret"]["items"] for each in projected["sources"] if each["secret"]["name"] == name
    )
    assert items == [{"key": "presenter-token", "path": "presenter_token"}]
    generated = {each["metadata"]["name"] for each in made if each["kind"] == "Secret"}
    assert ("vote-presenter-secret" in generated) is (values is ON)


def test_a_token_reaches_the_secret() -> None:
    made = manifest.chart({"faults": {"enabled": True, "presenterToken": "one"}})
    (secret,) = (
        each["stringData"] for each in made if each["metadata"]["name"] == "vote-presenter-secret"
    )
    assert secret == {"presenter-token": "one"}
