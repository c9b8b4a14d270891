"""What is set wrongly is said in one line, ends the container, and starts nothing that needs it."""

import pytest

from tests import until
from tests.e2e.compose import project

WRONG = 2  # exit status
SECRETS = (
    # what is done to the volume; the words in the log
    ("truncate --size=0 worker/db-password", "worker/db-password is missing or empty"),
    ("rm vote/cookie-secret", "vote/cookie-secret is missing or empty"),
)


def change_secrets(system: project.Project, command: str) -> None:
    """Runs a shell command in the volume of the secrets."""
    change = f"cd /run/secrets && chmod u+w */* && {command}"
    system.compose("run", "--rm", "--no-deps", "--entrypoint", "sh", "secrets", "-c", change)


@pytest.mark.parametrize(("damage", "words"), SECRETS)
def test_a_secret_that_was_lost_is_named(other: project.Project, damage: str, words: str) -> None:
    other.compose("up", "--detach", "--wait", "secrets", status=None)
    change_secrets(other, damage)
    up = other.compose("up", "--detach", status=1)
    assert 'service "secrets" didn\'t complete successfully: exit 2' in up.stderr
    log = other.logs("secrets")
    assert words in log
    assert "restore the volume, or begin anew with docker compose down --volumes" in log
    assert "redis" not in other.running()


def test_a_wrong_database_password_is_named_and_can_be_made_right(other: project.Project) -> None:
    other.compose("up", "--detach", "--wait", "db", "redis")
    change_secrets(other, "printf %s wrong-password > worker/db-password")
    up = other.compose("up", "--detach", "worker", status=1)
    assert 'service "worker-wait" didn\'t complete successfully: exit 2' in up.stderr
    log = other.logs("worker-wait")
    assert 'password authentication failed for user "worker"' in log
    assert "DB_USER, DB_PASS and DB_NAME (or DATABASE_URL) must be those of that server" in log
    assert "worker" not in other.running()
    # As docs/docker.md says: the roles get the passwords that the volume has now.
    change_secrets(other, "cat worker/db-password > db/worker-password")
    roles = ("--file", "/docker-entrypoint-initdb.d/roles.sql", "voting")
    other.execute("db", "psql", "--quiet", "--username", "postgres", *roles)
    other.compose("up", "--detach", "--wait", "worker")
    assert "worker" in other.running()


@pytest.mark.parametrize(
    ("service", "setting", "words"),
    [
        ("vote", {"OPTION_D": "Fish"}, "OPTION_C is missing"),
        ("vote", {"OPTION_B": "cats"}, "OPTION_B has the name of OPTION_A"),
        ("vote", {"POLL_CLOSES_AT": "tonight"}, "POLL_CLOSES_AT: must be a time with its offset"),
        ("worker", {"LOG_LEVEL": "loud"}, "LOG_LEVEL: Input should be 'debug', 'info'"),
        ("result", {"VOTE_URL": "here"}, "VOTE_URL: must be a whole URL"),
        ("result", {"LOG_LEVEL": "loud"}, "LOG_LEVEL: Input should be 'debug', 'info'"),
    ],
)
def test_a_wrong_setting_is_named_by_what_goes_before_the_service(
    system: project.Project, service: str, setting: dict[str, str], words: str
) -> None:
    given = [part for name, value in setting.items() for part in ("--env", f"{name}={value}")]
    ended = system.compose("run", "--rm", "--no-deps", *given, f"{service}-wait", status=WRONG)
    assert f"settings: {words}" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("service", "given", "words"),
    [
        ("vote", "OPTION_AA=Fish", "options are named OPTION_A to OPTION_Z"),
        ("vote", "COOKIE_SECRET_FILE=/nowhere", "COOKIE_SECRET_FILE names /nowhere, which cannot"),
        ("worker", "DB_PASS_FILE=/dev/null", "DB_PASS_FILE names /dev/null, which is empty"),
        ("worker", "BATCH_SIZE=0", "BATCH_SIZE: Input should be greater than or equal to 1"),
        ("result", "DB_NAME=elsewhere", "Postgres at db:5432/elsewhere refuses the connection"),
    ],
)
def test_a_service_itself_names_a_wrong_setting(
    system: project.Project, service: str, given: str, words: str
) -> None:
    ended = system.compose("run", "--rm", "--no-deps", "--env", given, service, status=WRONG)
    assert words in ended.stdout + ended.stderr


def test_settings_of_the_shell_stop_the_start(other: project.Project) -> None:
    other.settings["OPTION_D"] = "Fish"
    other.compose("up", "--detach", status=1)
    assert "settings: OPTION_C is missing" in other.logs("vote-wait", "worker-wait", "result-wait")
    assert {"vote", "worker", "result", "gateway"}.isdisjoint(other.running())


async def test_a_setting_that_becomes_wrong_is_said_again_at_each_restart(
    other: project.Project,
) -> None:
    """Nothing goes before a container that the engine restarts by itself."""
    other.compose("up", "--detach", "--wait", "vote")
    change_secrets(other, "printf %s short > vote/cookie-secret")
    project.docker("restart", other.container("vote"))
    words = "settings: COOKIE_SECRET: must have at least 16 characters"
    await until.true(lambda: other.logs("vote").count(words) >= 2, 30, lambda: other.logs("vote"))
    assert not other.healthy("vote")
