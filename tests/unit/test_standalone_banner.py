"""The banner of standalone."""

import ipaddress
from pathlib import Path

import pytest

from standalone import banner


def test_the_address_in_the_network_is_none_or_one_that_others_can_use() -> None:
    address = banner.lan_address()
    assert address is None or not ipaddress.ip_address(address).is_loopback


@pytest.mark.parametrize("address", [None, "198.51.100.7"])
def test_addresses(address: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(banner, "lan_address", lambda: address)
    seen = ["http://localhost:8080"] + (["http://198.51.100.7:8080"] if address else [])
    assert banner.urls("0.0.0.0", 8080) == seen
    assert banner.urls("127.0.0.1", 8080) == ["http://127.0.0.1:8080"]
    assert banner.urls("::1", 80) == ["http://[::1]:80"]


def test_text() -> None:
    told = banner.text(["http://v"], ["http://r", "http://l"], ["Valkey 9"], Path("/data"))
    assert told.splitlines() == [
        "",
        "  vote    http://v",
        "  result  http://r   http://l",
        "",
        "  stores  Valkey 9, kept in /data",
        "  Ctrl-C stops it.",
    ]
    assert "stores" not in banner.text(["http://v"], ["http://r"], [], None)
