import datetime
import re
from pathlib import Path

import pytest
from redis.asyncio.sentinel import SentinelManagedSSLConnection

import result.settings
import vote.settings
import worker.settings
from common.poll_settings import PollSettings
from common.redis_client import connect
from common.settings import RETIRED, ServiceSettings, load
from common.store_settings import RedisSettings

CONFIGURATION = Path(__file__).parents[2] / "docs" / "configuration.md"
Env = pytest.MonkeyPatch
SECRET = "a secret of the tests, long enough"


@pytest.fixture(autouse=True)
def folder(monkeypatch: Env, tmp_path: Path) -> Path:
    """The working directory: empty, so without `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def secrets(monkeypatch: Env, tmp_path: Path) -> Path:
    """The folder of secrets: empty."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr("common.settings.SECRETS", folder)
    return folder


def set_all(monkeypatch: Env, variables: dict[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def errors(cls: type[ServiceSettings], capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        load(cls)
    assert ended.value.code == 2
    return [line.removeprefix("settings: ") for line in capsys.readouterr().err.splitlines()]


def test_defaults_are_the_classic_poll() -> None:
    poll = load(PollSettings).poll
    assert poll.title == "Cats vs Dogs!"
    assert poll.options == {"a": "Cats", "b": "Dogs"}
    assert not poll.is_closed()
    assert (load(vote.settings.Settings).port, load(worker.settings.Settings).port) == (8080, 8082)


def test_options_title_and_end_come_from_the_environment_before_the_env_file(
    monkeypatch: Env, folder: Path
) -> None:
    (folder / ".env").write_text("OPTION_A=Tea\nOPTION_C=Milk\nPOLL_TITLE=Drinks?\n")
    set_all(
        monkeypatch,
        {
            "OPTION_A": " Green  tea",
            "OPTION_B": "",
            "POLL_CLOSES_AT": "2030-01-31T20:00:00+01:00",
            "POLL_ID": "lunch-7",
        },
    )
    poll = load(PollSettings).poll
    assert list(poll.options.items()) == [("a", "Green tea"), ("b", "Dogs"), ("c", "Milk")]
    assert poll.title == "Drinks?"
    assert poll.revision == "lunch-7"
    assert poll.closes_at == datetime.datetime(2030, 1, 31, 19, tzinfo=datetime.UTC)


def test_a_secret_is_a_variable_or_in_the_env_file_or_a_file(
    monkeypatch: Env, folder: Path, secrets: Path
) -> None:
    def found() -> str:
        secret = load(vote.settings.Settings).cookie_secret
        return secret.get_secret_value() if secret else ""

    assert found() == ""
    (secrets / "cookie_secret").write_text(f"{SECRET}, in a file\n")
    assert found() == f"{SECRET}, in a file"
    (folder / ".env").write_text(f"COOKIE_SECRET={SECRET}, in .env\n")
    assert found() == f"{SECRET}, in .env"
    monkeypatch.setenv("COOKIE_SECRET", SECRET)
    assert found() == SECRET


def test_the_folder_of_secrets_may_be_missing(
    monkeypatch: Env, secrets: Path, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr("common.settings.SECRETS", secrets / "missing")
    load(vote.settings.Settings)
    assert not recwarn.list


def test_the_documentation_has_every_setting_and_27_are_enough() -> None:
    text = CONFIGURATION.read_text().partition("## The options of make run")[0]
    listed = set(re.findall(r"^\| `([A-Z_]+)`", text, re.MULTILINE))
    fields = {
        name.upper()
        for module in (vote, worker, result)
        for name in module.settings.Settings.model_fields
        if name != "options"
    }
    # OpenTelemetry reads its variables itself.
    listed -= {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    assert listed - {"OPTION_A", "OPTION_B", "OPTION_C"} == fields
    assert len({*fields, "OPTION_…"}) <= 26


def test_title_of_many_options_is_short(monkeypatch: Env) -> None:
    set_all(monkeypatch, {f"OPTION_{letter}": letter * 30 for letter in "ABC"})
    assert load(PollSettings).poll.title.endswith("…!")


@pytest.mark.parametrize(
    ("variables", "start"),
    [
        ({"OPTION_D": "Milk"}, "OPTION_C"),
        ({"OPTION_C": " "}, "OPTION_C"),
        ({"OPTION_A": "x" * 201}, "OPTION_A"),
        ({"OPTION_1": "x"}, "OPTION_1"),
        ({"POLL_CLOSES_AT": "2030-01-31T20:00:00"}, "POLL_CLOSES_AT: '2030-01-31T20:00:00'"),
        ({"POLL_CLOSES_AT": "1764000000"}, "POLL_CLOSES_AT: '1764000000'"),
        ({"POLL_ID": "a b"}, "POLL_ID: 'a b'"),
        ({"POLL_ID": "x" * 65}, "POLL_ID: 'xxx"),
        ({"PORT": "65536"}, "PORT: 65536 is out of range (1 to 65535)"),
        ({"PORT": "x"}, "PORT: 'x'"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: 'loud'"),
    ],
)
def test_mistake_names_the_setting_and_its_value(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str], variables: dict[str, str], start: str
) -> None:
    set_all(monkeypatch, variables)
    (line,) = errors(PollSettings, capsys)
    assert line.startswith(start)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("APP_VERSION", "0.2\r\nx"),
        ("APP_VERSION", "x" * 65),
    ],
)
def test_values_that_end_up_in_pages_and_headers_are_checked(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    (line,) = errors(vote.settings.Settings, capsys)
    assert line.startswith(f"{name}: {value!r}")


@pytest.mark.parametrize("name", RETIRED)
@pytest.mark.parametrize("is_in_file", [False, True])
def test_a_retired_setting_names_its_replacement(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str], folder: Path, name: str, is_in_file: bool
) -> None:
    if is_in_file:
        (folder / ".env").write_text(f"{name}=x\n")
    else:
        monkeypatch.setenv(name, "x")
    assert errors(ServiceSettings, capsys) == [f"{name} is no longer a setting: {RETIRED[name]}"]


@pytest.mark.parametrize("token", ["x" * 15, " " * 16])
def test_a_short_presenter_token_is_refused(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    set_all(monkeypatch, {"FAULTS": "enabled", "PRESENTER_TOKEN": token})
    (line,) = errors(result.settings.Settings, capsys)
    assert line.startswith("PRESENTER_TOKEN: must have at least 16 characters")


def test_every_mistake_has_a_line(monkeypatch: Env, capsys: pytest.CaptureFixture[str]) -> None:
    set_all(monkeypatch, {"PORT": "x", "LOG_FORMAT": "xml", "RESULT_URL": "no url"})
    lines = errors(vote.settings.Settings, capsys)
    assert {line.partition(":")[0] for line in lines} == {"PORT", "LOG_FORMAT", "RESULT_URL"}


@pytest.mark.parametrize(
    "variables",
    [
        {"COOKIE_SECRET": "hush"},
        {"REDIS_URL": "http://:hush@redis"},
        {"REDIS_URL": "redis://user:hu/sh@redis"},
        {"REDIS_URL": "redis://user:hush@sh@redis"},
    ],
)
def test_secrets_are_never_shown(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str], variables: dict[str, str]
) -> None:
    set_all(monkeypatch, variables)
    (line,) = errors(vote.settings.Settings, capsys)
    assert line.startswith(next(iter(variables)))
    assert "hush" not in line
    assert "sh@redis" not in line


@pytest.mark.parametrize(
    ("content", "message"), [(b"", "is empty"), (b"\xff", "can't decode byte 0xff")]
)
def test_a_secret_file_that_cannot_be_used_is_named(
    capsys: pytest.CaptureFixture[str], secrets: Path, content: bytes, message: str
) -> None:
    (secrets / "redis_password").write_bytes(content)
    (line,) = errors(RedisSettings, capsys)
    assert "redis_password" in line.lower()
    assert str(secrets) in line
    assert message in line


@pytest.mark.parametrize(
    ("variables", "redis", "database"),
    [
        ({}, "redis://redis", "postgresql://postgres@db/postgres"),
        (
            {"REDIS_HOST": "r:6380", "DB_HOST": "d:1,::1", "DB_NAME": "n", "DB_USER": "u/"},
            "redis://r:6380",
            "postgresql://u%2F@d:1,[::1]/n",
        ),
        (
            {"REDIS_HOST": "::1", "REDIS_PASSWORD": "p@", "DB_HOST": "/run/pg", "DB_PASS": "p:"},
            "redis://:p%40@[::1]",
            "postgresql://postgres:p%3A@%2Frun%2Fpg/postgres",
        ),
        (
            {
                "REDIS_URL": "redis://me@r/1",
                "REDIS_HOST": "other",
                "REDIS_PASSWORD": "p",
                "DATABASE_URL": "postgresql://me@d/n?sslmode=require",
                "DB_PASS": "p",
            },
            "redis://me:p@r/1",
            "postgresql://me:p@d/n?sslmode=require",
        ),
        (
            {
                "REDIS_URL": "unix://me:own@/run/r",
                "REDIS_PASSWORD": "p",
                "DATABASE_URL": "postgresql://me:own@d,e/n",
                "DB_PASS": "p",
                "DB_USER": "u",
            },
            "unix://me:own@/run/r",
            "postgresql://me:own@d,e/n",
        ),
    ],
)
def test_the_parts_make_a_url(
    monkeypatch: Env, variables: dict[str, str], redis: str, database: str
) -> None:
    set_all(monkeypatch, variables)
    settings = load(worker.settings.Settings)
    assert settings.redis_url.get_secret_value() == redis
    assert settings.database_url.get_secret_value() == database


def test_the_port_that_kubernetes_sets_is_no_setting(monkeypatch: Env) -> None:
    set_all(monkeypatch, {"REDIS_PORT": "tcp://10.96.0.1:6379", "DB_PORT": "tcp://10.96.0.2:5432"})
    load(worker.settings.Settings)


def test_addresses_are_without_passwords(monkeypatch: Env) -> None:
    set_all(
        monkeypatch,
        {
            "REDIS_URL": "rediss://user:p%40ss@redis.test:6380/1?ssl_ca_certs=/hush",
            "DATABASE_URL": "postgresql://user:hush@db.test:5433/votes?password=hush",
        },
    )
    settings = load(worker.settings.Settings)
    assert settings.redis_address == "rediss://redis.test:6380/1"
    assert settings.database_address == "postgresql://db.test:5433/votes"


def test_sentinels_replace_the_host(monkeypatch: Env) -> None:
    set_all(
        monkeypatch,
        {"REDIS_SENTINELS": "s-0:1, [::1],s-2", "REDIS_URL": "rediss://:hush@votes/2"},
    )
    settings = load(RedisSettings)
    assert settings.redis_sentinels == [("s-0", 1), ("::1", 26379), ("s-2", 26379)]
    assert settings.redis_address == "votes of s-0:1,::1:26379,s-2:26379"


@pytest.mark.parametrize(
    ("sentinels", "url"),
    [("s-0,", "redis://s"), ("s-0:x", "redis://s"), ("s/1", "redis://s"), ("s", "unix:///run/s")],
)
def test_wrong_sentinels_are_refused(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str], sentinels: str, url: str
) -> None:
    set_all(monkeypatch, {"REDIS_SENTINELS": sentinels, "REDIS_URL": url})
    (line,) = errors(RedisSettings, capsys)
    assert line.startswith(f"REDIS_SENTINELS: {sentinels!r}")


def test_tls_and_database_of_the_url_hold_for_what_sentinels_name(monkeypatch: Env) -> None:
    url = "rediss://user:hush@unused:1/2?ssl_cert_reqs=none"
    set_all(monkeypatch, {"REDIS_SENTINELS": "s-0", "REDIS_URL": url, "REDIS_PASSWORD": "other"})
    pool = connect(load(RedisSettings), "test").connection_pool
    found = pool.connection_kwargs
    assert (found["db"], found["username"], found["password"]) == (2, "user", "hush")
    assert found["ssl_cert_reqs"] == "none"
    assert "host" not in found
    assert pool.connection_class is SentinelManagedSSLConnection
