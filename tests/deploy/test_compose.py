"""Check compose.yaml without an engine."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"secrets", "seed"}
COMPOSE_FILES = [
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("compose*.yaml"), ROOT / "compose" / "classic.yaml")
]


@pytest.mark.parametrize("name", COMPOSE_FILES)
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
