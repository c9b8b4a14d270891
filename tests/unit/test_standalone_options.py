"""The command line of standalone."""

from pathlib import Path

import pytest

from standalone import options


def test_defaults() -> None:
    chosen = options.parse([])
    assert (chosen.data, chosen.fresh, chosen.host) == (Path(".standalone"), False, None)
    assert (chosen.vote_port, chosen.result_port, chosen.worker_port) == (8080, 8081, 8082)


@pytest.mark.parametrize("port", ["65536", "-1", "http", "8080.0", "²", ""])
def test_what_is_no_port_is_told(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        options.parse([f"--vote-port={port}"])
    assert ended.value.code == 2
    assert f"argument --vote-port: {port!r} is not a port: a number from 1" in (
        capsys.readouterr().err
    )


def test_how_to_change_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    assert options.changed("--vote-port") == "--vote-port"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert options.changed("--vote-port") == "make run ARGS='--vote-port ...'"
