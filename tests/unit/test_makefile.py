"""What `make` says of itself."""

import os
import pathlib
import shlex
import subprocess
import sys

import certifi
import pytest

ROOT = pathlib.Path(__file__).parents[2]


def test_help_is_two_columns() -> None:
    told = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    assert any(line.split()[0] == "manifests-check" for line in told)
    starts = {line.index(line.split(maxsplit=1)[1]) for line in told}
    assert len(starts) == 1, "\n".join(told)


@pytest.mark.parametrize(
    ("python", "environment", "told"),
    [
        (sys.executable, {"SSL_CERT_FILE": certifi.where()}, "true"),
        ("false", {}, "false"),  # as where uv finds no certificates
        (sys.executable, {"UV_SYSTEM_CERTS": "no"}, "no"),
    ],
)
def test_uv_is_told_to_use_the_certificates_of_the_system_if_it_has_any(
    python: str, environment: dict[str, str], told: str
) -> None:
    names = ("UV_SYSTEM_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR")
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    make = ["make", "--no-print-directory", "-f", "Makefile", "-f", "-"]
    ended = subprocess.run(
        [*make, "told", f"PY={shlex.quote(python)}"],
        input="told: ; @$(CERTS) sh -c 'echo $$UV_SYSTEM_CERTS'",
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == f"{told}\n"
