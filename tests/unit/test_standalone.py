"""The command line and the addresses of standalone."""

import ipaddress
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from standalone import address as network
from standalone import folder, services, system
from standalone.child import SetupError
from standalone.command import parse
from standalone.services import Service
from tests.service import ROOT


def test_defaults() -> None:
    options = parse("voting", Path("data"), [])
    assert (options.data, options.fresh) == (Path("data"), False)
    assert (options.vote_port, options.result_port, options.worker_port) == (8080, 8081, 8082)


@pytest.mark.parametrize("port", ["65536", "-1", "http", "8080.0", "²", ""])
def test_an_invalid_port_is_reported(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("voting", Path("data"), [f"--vote-port={port}"])
    assert ended.value.code == 2
    assert f"--vote-port: {port!r} is out of range" in capsys.readouterr().err


def test_root_without_another_user_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names: dict[object, pwd.struct_passwd] = {}  # as in an image that has only root's
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwuid", names.__getitem__)
    monkeypatch.setattr(pwd, "getpwnam", names.__getitem__)
    with pytest.raises(SetupError, match="any user but root") as refused, folder.opened(tmp_path):
        pass
    owner = tmp_path.stat().st_uid or folder.UNPRIVILEGED
    assert f" {owner} " in str(refused.value) and "\n" not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_the_address_in_the_network_is_one_that_others_can_use() -> None:
    address = network.lan_address()
    assert address is None or not ipaddress.ip_address(address).is_loopback


def test_the_banner_has_the_addresses_for_this_machine_and_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network, "lan_address", lambda: "198.51.100.7")
    vote, result = Service("vote", "0.0.0.0", 8080), Service("result", "::1", 81)
    text = system.banner(vote, result, Path("/data"), "secret")
    assert "http://localhost:8080" in text and "http://198.51.100.7:8080" in text
    assert "http://[::1]:81" in text and "http://[::1]:81/system" in text
    assert "presenter token: secret" in text


def test_the_banner_has_the_addresses_of_the_settings() -> None:
    vote, result = services.check_ports(
        [
            Service("vote", "127.0.0.1", 0, "http://localhost:9080"),
            Service("result", "127.0.0.1", 0, "https://result.example/"),
        ]
    )
    text = system.banner(vote, result, Path("/data"), None)
    assert "http://localhost:9080\n" in text
    assert "https://result.example\n" in text and "https://result.example/system\n" in text
    assert "127.0.0.1" not in text


def test_make_up_prints_the_addresses_without_any_package() -> None:
    command = [sys.executable, "-S", "-m", "standalone.address", "vote", "0.0.0.0:9080"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "http://localhost:9080" in said.split()


def test_make_clean_deletes_the_votes_without_any_package(tmp_path: Path) -> None:
    (tmp_path / ".standalone" / "postgres").mkdir(parents=True)
    command = [sys.executable, "-S", "-m", "standalone.remove"]
    subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, check=True)
    assert not (tmp_path / ".standalone").exists()


def test_the_address_of_a_container_is_of_no_use_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("container", "oci")
    vote, result = Service("vote", "0.0.0.0", 8080), Service("result", "0.0.0.0", 8081)
    assert vote.urls() == ["http://localhost:8080"]
    for name in ("VOTE_URL", "RESULT_URL"):
        monkeypatch.delenv(name, raising=False)
        assert name not in services.Configuration().environment(vote, result)


@pytest.mark.parametrize(
    ("setting", "address"),
    [(None, "http://198.51.100.7:8080"), ("https://vote.example/", "https://vote.example/")],
)
def test_the_qr_code_leads_to_the_address_in_the_network(
    monkeypatch: pytest.MonkeyPatch, setting: str | None, address: str
) -> None:
    monkeypatch.setattr(network, "lan_address", lambda: "198.51.100.7")
    for name in ("VOTE_URL", "RESULT_URL", "container"):
        monkeypatch.delenv(name, raising=False)
    if setting:
        monkeypatch.setenv("VOTE_URL", setting)
    vote, result = Service("vote", "0.0.0.0", 8080), Service("result", "0.0.0.0", 8081)
    environment = services.Configuration().environment(vote, result)
    assert environment["VOTE_URL"] == address
    assert environment["RESULT_URL"] == "http://198.51.100.7:8081"


@pytest.mark.parametrize(
    ("settings", "faults", "is_created"),
    [
        ({}, "enabled", True),
        ({"FAULTS": "enabled"}, "enabled", True),
        ({"PRESENTER_TOKEN": "my own long token"}, "enabled", False),
        ({"FAULTS": "disabled"}, "disabled", False),
    ],
)
def test_a_presenter_token_is_created_if_faults_need_one(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], faults: str, is_created: bool
) -> None:
    for name in ("FAULTS", "PRESENTER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    configuration = services.Configuration()
    service = Service("vote", "127.0.0.1", 8080)
    environment = configuration.environment(service, service)
    assert environment["FAULTS"] == faults
    assert (configuration.new_token is not None) == is_created
    assert environment.get("PRESENTER_TOKEN") == (
        configuration.new_token or settings.get("PRESENTER_TOKEN")
    )
