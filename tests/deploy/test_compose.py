"""compose.yaml without an engine: valid, and as tight as docs/docker.md says."""

import functools
import hashlib
import pathlib
import re
import string
import subprocess
import sys
import tomllib
import typing

import pytest
import yaml

import common
from common import poll

ROOT = pathlib.Path(__file__).parents[2]
FILES = ("compose.yaml", "compose.dev.yaml")
OWN = ("vote", "worker", "result")
WAITS = tuple(f"{name}-wait" for name in OWN)
STORES = ("redis", "db")
EVERY = (*OWN, *WAITS, *STORES, "gateway", "seed", "secrets")
SECRET = re.compile("PASS|SECRET|TOKEN|KEY")


@functools.cache
def compose(name: str = "compose.yaml") -> typing.Any:
    return yaml.safe_load((ROOT / name).read_text())


def services() -> dict[str, dict[str, typing.Any]]:
    return dict(compose()["services"])


def check(path: pathlib.Path) -> "subprocess.CompletedProcess[str]":
    command = ("check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(path))
    return subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", FILES)
def test_it_is_valid_by_the_compose_specification(name: str) -> None:
    checked = check(ROOT / name)
    assert checked.returncode == 0, checked.stdout


def test_what_is_not_valid_is_noticed(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "compose.yaml"
    path.write_text((ROOT / "compose.yaml").read_text().replace("read_only: true", "readonly: 1"))
    assert check(path).returncode == 1


def test_these_are_the_services() -> None:
    assert set(services()) == set(EVERY)
    assert [name for name, each in services().items() if "profiles" in each] == ["seed"]


@pytest.mark.parametrize("name", EVERY)
def test_each_is_hardened_and_limited(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert {"privileged", "cap_add", "container_name", "pid", "ipc"}.isdisjoint(service)
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}
    assert service["restart"] == ("no" if name in {"seed", "secrets", *WAITS} else "unless-stopped")


@pytest.mark.parametrize("name", EVERY)
def test_no_secret_is_in_the_file(name: str) -> None:
    environment = services()[name].get("environment", {})
    secrets = {key: value for key, value in environment.items() if SECRET.search(key)}
    assert all(key.endswith("_FILE") for key in secrets)
    assert all(value.startswith("/run/secrets/") for value in secrets.values())


def test_only_the_gateway_is_published_and_back_has_no_way_out() -> None:
    assert [name for name, each in services().items() if "ports" in each] == ["gateway"]
    assert compose()["networks"] == {"front": {}, "back": {"internal": True}}
    networks = {name: each.get("networks") for name, each in services().items()}
    assert networks == {
        "vote": ["front", "back"],
        "result": ["front", "back"],
        "worker": ["back"],
        **{name: ["back"] for name in (*STORES, *WAITS)},
        "gateway": ["front"],
        "seed": ["front"],
        "secrets": None,
    }
    assert services()["secrets"]["network_mode"] == "none"


@pytest.mark.parametrize("name", EVERY)
def test_each_sees_its_own_folder_of_the_secrets(name: str) -> None:
    mounts = [each for each in services()[name].get("volumes", []) if isinstance(each, dict)]
    found = [each for each in mounts if each["source"] == "secrets"]
    if name in {"gateway", "seed", "secrets"}:
        assert not found  # secrets makes them, and mounts the whole volume
    else:
        assert [each["read_only"] for each in found] == [True]
        assert [each["volume"]["subpath"] for each in found] == [name.removesuffix("-wait")]


@pytest.mark.parametrize("name", OWN)
def test_what_waits_for_a_service_has_exactly_its_settings(name: str) -> None:
    service, waits = services()[name], services()[f"{name}-wait"]
    for key in ("image", "environment", "volumes"):
        assert service[key] == waits[key]
    assert waits["command"][:5] == ["python", "-m", "common.wait", "--settings", f"{name}.settings"]
    assert service["depends_on"] == {
        f"{name}-wait": {"condition": "service_completed_successfully"}
    }


def test_images_are_pinned_and_of_this_version() -> None:
    tags = {each["image"].rpartition("voting-")[2] for each in services().values()}
    assert tags == {
        *(f"{name}:${{VERSION:-{common.__version__}}}" for name in (*OWN, "seed")),
        "${VALKEY_IMAGE:-valkey/valkey:8}",
        "${POSTGRES_IMAGE:-postgres:18}",
    }


def test_one_service_alone_builds_an_image() -> None:
    built = {
        name: each["build"]["dockerfile"] for name, each in services().items() if "build" in each
    }
    assert built == {name: f"{name}/Dockerfile" for name in (*OWN, "seed")}
    for name, service in services().items():
        policy = service.get("pull_policy")
        assert policy == ("never" if name in {*WAITS, "secrets", "gateway"} else policy)
        assert policy != "always"


def test_every_option_is_handed_on_to_the_pages() -> None:
    letters = {f"OPTION_{letter}" for letter in string.ascii_uppercase}
    assert len(poll.OPTION_LETTERS) == len(letters)
    for name in OWN:
        environment = services()[name]["environment"]
        given = {key for key in environment if key.startswith("OPTION_")}
        assert given == (set() if name == "worker" else letters)
        assert all(environment[key] is None for key in given)


def test_what_is_mounted_from_the_sources_is_there() -> None:
    mounts = [
        each
        for service in services().values()
        for each in service.get("volumes", [])
        if isinstance(each, dict) and each["type"] == "bind"
    ]
    assert len(mounts) == 4
    for mount in mounts:
        assert (ROOT / mount["source"]).exists()
        assert mount["read_only"] is True


@pytest.mark.parametrize(
    ("name", "file"), [("gateway", "gateway.py"), ("redis", "users.acl"), ("db", "pg_hba.conf")]
)
def test_a_container_is_made_anew_when_its_file_changes(name: str, file: str) -> None:
    digest = hashlib.sha256((ROOT / "compose" / file).read_bytes()).hexdigest()
    label = str(services()[name]["labels"]["voting.file"])
    assert label == digest[: len(label)], f"compose/{file} has changed: put this into compose.yaml"
    assert len(label) == 12


def test_what_is_watched_is_there() -> None:
    for name, service in compose("compose.dev.yaml")["services"].items():
        rules = service["develop"]["watch"]
        synced = [rule["path"] for rule in rules if rule["action"] == "sync+restart"]
        assert synced == [name, "common"]
        assert all((ROOT / rule["path"]).exists() for rule in rules)


def test_the_version_is_the_same_everywhere() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    baked = re.search(
        r'variable "VERSION" \{\n  default = "(.*)"', (ROOT / "docker-bake.hcl").read_text()
    )
    assert baked
    handed = {each["build"]["args"]["VERSION"] for each in services().values() if "build" in each}
    assert {version} == {common.__version__, baked[1]}
    assert handed == {f"${{VERSION:-{version}}}"}
