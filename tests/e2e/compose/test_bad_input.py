"""A wrong setting or password is named in a log, and what needs it is not started."""

import re

import pytest

from tests import until
from tests.e2e.compose.project import Project, docker, request

pytestmark = pytest.mark.timeout(300)


def change_secrets(project: Project, command: str) -> None:
    """Run a shell command in the volume of the secrets."""
    script = f"cd /run/secrets && chmod u+w */* && {command}"
    run = ("run", "--rm", "--no-deps", "--entrypoint", "sh", "secrets")
    project.compose(*run, "-c", script)


def test_options_come_from_the_env_file_and_have_to_be_right(other: Project) -> None:
    settings = other.folder / ".env"
    settings.write_text("OPTION_A=Tea\nOPTION_B=Coffee\nOPTION_D=Water\n")
    assert "unhealthy" in other.up(status=1)
    assert "OPTION_C" in other.logs("vote")
    assert other.inspect("nginx")["State"]["Status"] == "created"
    settings.write_text("OPTION_A=Tea\nOPTION_B=Coffee\n")
    other.up()
    for url in (other.vote_url, other.result_url):
        assert {"Tea", "Coffee"} <= set(re.findall("Tea|Coffee|Cats", request(url)[1]))


def test_a_lost_secret_stops_the_start(other: Project) -> None:
    other.up("secrets", status=None)
    change_secrets(other, "rm worker/db_pass")
    assert "secrets" in other.up(status=1)
    assert "/run/secrets/worker/db_pass is missing or empty" in other.logs("secrets")
    assert other.inspect("redis")["State"]["Status"] == "created"


async def test_new_passwords_can_be_given_to_the_database(other: Project) -> None:
    """As docs/docker.md describes."""
    other.up("worker")
    other.compose("down")
    docker("volume", "rm", f"{other.name}_secrets")
    other.compose("up", "--detach", "worker")
    await until.true(lambda: "password authentication failed" in other.logs("worker"), 60)
    assert other.inspect("worker")["State"]["Health"]["Status"] != "healthy"
    roles = (
        "psql",
        "-U",
        "postgres",
        "-d",
        "voting",
        "-f",
        "/docker-entrypoint-initdb.d/roles.sql",
    )
    other.execute("db", *roles)
    other.up("worker")
