"""Check compose.yaml without an engine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"secrets", "seed"}


@pytest.mark.parametrize("name", ["compose.yaml", "compose.dev.yaml"])
def test_it_follows_the_compose_specification(name: str) -> None:
    check = ("-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / name)
    checked = subprocess.run([sys.executable, *check], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_is_hardened_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"privileged", "cap_add", "pid", "ipc"}.isdisjoint(service)
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service.get("restart") == (None if name in ONCE else "unless-stopped")


@pytest.mark.parametrize("name", SERVICES)
def test_secrets_come_from_the_own_folder_of_the_volume(name: str) -> None:
    service = SERVICES[name]
    secrets = re.compile("PASS|SECRET|TOKEN|KEY")
    assert all(
        str(value).startswith("/run/secrets/")
        for key, value in service.get("environment", {}).items()
        if secrets.search(key)
    )
    mounts = [each for each in service.get("volumes", []) if isinstance(each, dict)]
    assert all(each["read_only"] and each["volume"]["subpath"] == name for each in mounts)


def test_only_nginx_is_published_and_the_stores_are_internal() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert COMPOSE["networks"]["back"] == {"internal": True}
    assert {name for name in SERVICES if SERVICES[name].get("networks") == ["back"]} == {
        *("redis", "db", "worker")
    }


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for name in ("compose.yaml", "docker-bake.hcl"):
        defaults = r'VERSION:-([^}]+)\}|"VERSION" \{\s+default = "([^"]+)"'
        found = re.findall(defaults, (ROOT / name).read_text())
        assert {"".join(groups) for groups in found} == {version}, name
