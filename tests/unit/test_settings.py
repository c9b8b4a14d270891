"""Settings: from the environment, `.env` and files; what is wrong is told in a line a setting."""

import datetime
import os
import pathlib
import sys

import pydantic
import pytest

import result.settings
import vote.settings
import worker.settings
from common import poll_setting, settings, template

Env = pytest.MonkeyPatch
SECRET = "a secret of the tests, long enough"


@pytest.fixture(autouse=True)
def folder(monkeypatch: Env, tmp_path: pathlib.Path) -> pathlib.Path:
    """The working directory: empty, so without `.env`."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_all(monkeypatch: Env, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def wrong(cls: type[settings.Settings]) -> list[str]:
    """The lines about what is wrong."""
    with pytest.raises(settings.SettingsError) as caught:
        settings.load(cls)
    return str(caught.value).splitlines()


def options(monkeypatch: Env, **variables: str) -> list[tuple[str, str]]:
    set_all(monkeypatch, **variables)
    poll = settings.load(poll_setting.PollSettings).poll()
    return [(option.id, option.name) for option in poll.options]


def test_without_any_setting_it_is_the_classic_poll() -> None:
    poll = settings.load(poll_setting.PollSettings).poll()
    assert poll.title == "Cats vs Dogs!"
    assert [(each.id, each.name) for each in poll.options] == [("a", "Cats"), ("b", "Dogs")]
    assert poll.closes_at is None
    ports = [settings.load(each.Settings).port for each in (vote.settings, result.settings)]
    assert [*ports, settings.load(worker.settings.Settings).port] == [8080, 8081, 8082]


def test_one_option_leaves_the_other_as_it_was(monkeypatch: Env) -> None:
    assert options(monkeypatch, OPTION_A="Tea") == [("a", "Tea"), ("b", "Dogs")]


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["Tea", "Water", "Milk", "Juice"], "Tea vs Water vs Milk vs Juice!"),
        (["Tea", "Water", "Milk", "Juice", "Beer"], "Tea vs Water vs …!"),
        (["x" * 30, "y" * 30], f"{'x' * 30} vs {'y' * 30}!"),
        (["x" * 30, "y" * 30, "z"], f"{'x' * 30} vs …!"),
    ],
)
def test_a_title_of_many_names_is_short(names: list[str], title: str) -> None:
    options = dict(zip("abcdefg", names, strict=False))
    assert poll_setting.PollSettings(options=options).poll().title == title


def test_more_options_in_the_order_of_their_letters(monkeypatch: Env) -> None:
    given = {"OPTION_D": "Milk", "OPTION_C": "  Water \n still ", "OPTION_A": "Tea", "OPTION_B": ""}
    expected = [("a", "Tea"), ("b", "Dogs"), ("c", "Water still"), ("d", "Milk")]
    assert options(monkeypatch, **given) == expected
    poll = settings.load(poll_setting.PollSettings).poll()
    assert poll.title == "Tea vs Dogs vs Water still vs Milk!"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"OPTION_D": "Milk"}, "OPTION_C is missing"),
        ({"OPTION_A": "Tea", "OPTION_B": "tea "}, "OPTION_B has the name of OPTION_A, 'tea'"),
        ({"OPTION_A": "Dogs"}, "OPTION_B has the name of OPTION_A"),
        ({"OPTION_C": " "}, "OPTION_C is blank"),
        ({"OPTION_A": "\u200b\u2060 \ufeff"}, "OPTION_A is blank"),
        ({"OPTION_B": "\u00a0\u3164"}, "OPTION_B is blank"),
        ({"POLL_TITLE": "  "}, "POLL_TITLE: is blank: give it a text that can be seen"),
        ({"POLL_TITLE": "\u2060\u200b"}, "POLL_TITLE: is blank: give it a text that can be seen"),
        ({"OPTION_A": "x" * 201}, "OPTION_A is longer than 200"),
        ({"OPTION_AB": "x"}, "OPTION_AB: options are named OPTION_A to OPTION_Z"),
        ({"OPTION_1": "x", "OPTION_": "y"}, "OPTION_, OPTION_1: options are named"),
        ({"POLL_TITLE": "x" * 201}, "POLL_TITLE: "),
        (
            {"OPTION_B": "Do\u202egs"},
            "OPTION_B: U+202E (right-to-left override) is not closed: it would turn round what "
            "follows it; remove it, or close it with U+202C",
        ),
        ({"OPTION_A": "\u2066Cats"}, "OPTION_A: U+2066 (left-to-right isolate) is not closed: "),
        ({"OPTION_A": "a\u2067b"}, "OPTION_A: U+2067 (right-to-left isolate) is not closed: "),
        ({"POLL_TITLE": "\u202bCats?"}, "POLL_TITLE: U+202B (right-to-left embedding) is not cl"),
        ({"POLL_CLOSES_AT": "2026-11-24T20:00:00"}, "POLL_CLOSES_AT: must be a time with its off"),
        ({"POLL_CLOSES_AT": "tomorrow"}, "POLL_CLOSES_AT: must be a time with its offset"),
        ({"POLL_CLOSES_AT": "9999-12-31T23:59:59-12:00"}, "POLL_CLOSES_AT: must be in the years"),
        ({"POLL_CLOSES_AT": "0001-01-01T00:00:00+12:00"}, "POLL_CLOSES_AT: must be in the years"),
        ({"LOG_LEVEL": "loud"}, "LOG_LEVEL: "),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT: "),
        ({"PORT": "65536"}, "PORT: "),
        ({"PORT": "tcp://10.0.0.1:8080"}, "PORT: "),
    ],
)
def test_what_is_wrong_with_the_poll(monkeypatch: Env, given: dict[str, str], told: str) -> None:
    set_all(monkeypatch, **given)
    (line,) = wrong(poll_setting.PollSettings)
    assert line.startswith(told)


@pytest.mark.parametrize(
    "name", ["قطط", "כלבים", "قطط\u200f (Cats)", "\u2067قطط 2\u2069", "\u202bقطط\u202c"]
)
def test_names_in_scripts_from_right_to_left(monkeypatch: Env, name: str) -> None:
    assert options(monkeypatch, OPTION_A=name)[0] == ("a", name)
    assert settings.load(poll_setting.PollSettings).poll().title == f"{name} vs Dogs!"


def test_a_variable_named_options_is_somebody_elses(monkeypatch: Env) -> None:
    assert options(monkeypatch, OPTIONS="--verbose")[0] == ("a", "Cats")
    assert options(monkeypatch, OPTIONS='{"a": "Evil"}')[0] == ("a", "Cats")


def test_the_end_of_the_poll(monkeypatch: Env) -> None:
    set_all(monkeypatch, POLL_CLOSES_AT="2026-11-24T20:00:00+01:00")
    expected = datetime.datetime(2026, 11, 24, 19, tzinfo=datetime.UTC)
    assert settings.load(poll_setting.PollSettings).poll().closes_at == expected


@pytest.mark.parametrize(
    "given", ["9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]
)
def test_the_ends_of_the_calendar_can_be_shown(monkeypatch: Env, given: str) -> None:
    set_all(monkeypatch, POLL_CLOSES_AT=given)
    closes_at = settings.load(poll_setting.PollSettings).poll().closes_at
    assert closes_at
    assert template.iso(closes_at).endswith("Z")
    assert template.milliseconds(closes_at)


def test_one_line_for_each_setting_that_is_wrong(monkeypatch: Env) -> None:
    set_all(
        monkeypatch,
        OPTION_AB="x",
        PORT="x",
        LOG_LEVEL="loud",
        COOKIE_SECRET_FILE="/nowhere",
        REDIS_URL="http://redis",
    )
    names = [line.partition(":")[0].partition(" ")[0] for line in wrong(vote.settings.Settings)]
    assert sorted(names) == ["COOKIE_SECRET_FILE", "LOG_LEVEL", "OPTION_AB", "PORT", "REDIS_URL"]


def test_a_wrong_setting_ends_the_process_with_status_2(
    monkeypatch: Env, capsys: pytest.CaptureFixture[str]
) -> None:
    set_all(monkeypatch, PORT="x", LOG_LEVEL="loud")
    with pytest.raises(SystemExit) as ended:
        settings.load_or_exit(vote.settings.Settings)
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["settings", "settings"]


def test_what_is_wrong_is_shown_unless_it_is_a_secret(monkeypatch: Env) -> None:
    set_all(monkeypatch, LOG_LEVEL="loud", COOKIE_SECRET="short", REDIS_URL="redis://u:hush@h:x")
    text = "\n".join(wrong(vote.settings.Settings))
    assert "(it is 'loud')" in text
    assert "at least 16 characters" in text
    assert "short" not in text
    assert "hush" not in text


def test_a_blank_secret(monkeypatch: Env) -> None:
    set_all(monkeypatch, COOKIE_SECRET=" \t" * 16)
    (line,) = wrong(vote.settings.Settings)
    assert line == "COOKIE_SECRET: is blank: it must have at least 16 characters, best random ones"


def test_an_empty_variable_counts_as_not_set(monkeypatch: Env) -> None:
    set_all(monkeypatch, OPTION_A="", PORT="", POLL_CLOSES_AT="", COOKIE_SECRET="", REDIS_URL="")
    loaded = settings.load(vote.settings.Settings)
    assert (loaded.port, loaded.cookie_secret, loaded.redis_url) == (8080, None, None)
    assert loaded.poll().title == "Cats vs Dogs!"


class TestFile:
    """`X_FILE` names a file with the secret `X`."""

    @pytest.fixture
    def path(self, folder: pathlib.Path, monkeypatch: Env) -> pathlib.Path:
        path = folder / "secret"
        monkeypatch.setenv("COOKIE_SECRET_FILE", str(path))
        return path

    def test_it_is_read_without_the_last_newline(self, path: pathlib.Path) -> None:
        path.write_text(f"{SECRET}\n")
        secret = settings.load(vote.settings.Settings).cookie_secret
        assert secret
        assert secret.get_secret_value() == SECRET

    @pytest.mark.parametrize("end", ["", "\n", "\r\n"])
    def test_a_blank_at_either_end_is_a_part_of_it(
        self, folder: pathlib.Path, monkeypatch: Env, end: str
    ) -> None:
        """As to Postgres and Redis, which read the same file."""
        (folder / "password").write_text(f" hush\t {end}", newline="")
        (folder / "url").write_text(f" redis://h {end}", newline="")
        for name, file in (("DB_PASS", "password"), ("REDIS_URL", "url")):
            monkeypatch.setenv(f"{name}_FILE", str(folder / file))
        loaded = settings.load(worker.settings.Settings)
        assert loaded.db_pass and loaded.redis_url
        assert loaded.db_pass.get_secret_value() == " hush\t "
        assert loaded.redis_url.get_secret_value() == "redis://h"

    def test_an_end_of_line_within_it_stays_as_it_is(
        self, folder: pathlib.Path, monkeypatch: Env
    ) -> None:
        (folder / "password").write_text("a\rb\r\nc\nd\r\n", newline="")
        monkeypatch.setenv("DB_PASS_FILE", str(folder / "password"))
        loaded = settings.load(worker.settings.Settings)
        assert loaded.db_pass and loaded.db_pass.get_secret_value() == "a\rb\r\nc\nd"

    def test_it_is_missing(self, path: pathlib.Path) -> None:
        (line,) = wrong(vote.settings.Settings)
        assert line.startswith(f"COOKIE_SECRET_FILE names {path}, which cannot be read (No such")

    @pytest.mark.parametrize("text", ["", "\n", " \t \n"])
    def test_it_is_empty(self, path: pathlib.Path, text: str) -> None:
        path.write_text(text)
        (line,) = wrong(vote.settings.Settings)
        assert line.startswith(f"COOKIE_SECRET_FILE names {path}, which is empty")

    def test_it_is_a_folder_or_no_text(self, path: pathlib.Path) -> None:
        path.mkdir()
        assert "Is a directory" in wrong(vote.settings.Settings)[0]
        path.rmdir()
        path.write_bytes(b"\xff\xfe")
        assert "not UTF-8" in wrong(vote.settings.Settings)[0]

    def test_what_is_in_it_is_checked_and_not_shown(self, path: pathlib.Path) -> None:
        path.write_text("hush")
        (line,) = wrong(vote.settings.Settings)
        assert line == "COOKIE_SECRET: must have at least 16 characters"

    def test_both_are_set(self, path: pathlib.Path, monkeypatch: Env) -> None:
        path.write_text(SECRET)
        monkeypatch.setenv("COOKIE_SECRET", SECRET)
        (line,) = wrong(vote.settings.Settings)
        assert line.startswith("COOKIE_SECRET and COOKIE_SECRET_FILE are both set")

    def test_every_secret_can_be_a_file(self, monkeypatch: Env, folder: pathlib.Path) -> None:
        contents = {
            "DATABASE_URL": "postgresql://u:p@h/d",
            "DB_PASS": "right",
            "REDIS_URL": "redis://h",
            "REDIS_PASSWORD": "right",
        }
        for name, content in contents.items():
            (folder / name).write_text(content)
            monkeypatch.setenv(f"{name}_FILE", str(folder / name))
        loaded = settings.load(worker.settings.Settings)
        for name, content in contents.items():
            secret = getattr(loaded, name.lower())
            assert isinstance(secret, pydantic.SecretStr)
            assert secret.get_secret_value() == content

    def test_what_is_no_secret_cannot(self, monkeypatch: Env) -> None:
        monkeypatch.setenv("LOG_LEVEL_FILE", "/nowhere")
        assert settings.load(vote.settings.Settings).log_level == "info"


class TestEnvFile:
    """`.env` in the working directory, or what ENV_FILE names."""

    def test_it_is_read_and_the_environment_goes_first(
        self, folder: pathlib.Path, monkeypatch: Env
    ) -> None:
        (folder / ".env").write_text("OPTION_A=Tea\nOPTION_B=Milk\nPORT=1234\nLOG_LEVEL=debug\n")
        monkeypatch.setenv("OPTION_B", "Coffee")
        monkeypatch.setenv("PORT", "4321")
        loaded = settings.load(vote.settings.Settings)
        assert loaded.options == {"a": "Tea", "b": "Coffee"}
        assert (loaded.port, loaded.log_level) == (4321, "debug")

    def test_what_is_empty_in_the_environment_hides_nothing(
        self, folder: pathlib.Path, monkeypatch: Env
    ) -> None:
        (folder / "secret").write_text(SECRET)
        (folder / ".env").write_text(
            f"OPTION_C=Water\nPOLL_TITLE=Drinks\nCOOKIE_SECRET_FILE={folder / 'secret'}\n"
        )
        set_all(monkeypatch, OPTION_C="", POLL_TITLE="", COOKIE_SECRET_FILE="")
        loaded = settings.load(vote.settings.Settings)
        assert (loaded.options["c"], loaded.poll_title) == ("Water", "Drinks")
        assert loaded.cookie_secret and loaded.cookie_secret.get_secret_value() == SECRET

    @pytest.mark.parametrize("end", ["\n", "\r\n"])
    def test_an_end_of_line_between_quotes_stays_as_it_is(
        self, folder: pathlib.Path, end: str
    ) -> None:
        lines = ("DB_PASS='a\rb\r\nc\nd'", "DB_USER=Tea", "")
        (folder / ".env").write_text(end.join(lines), newline="")
        loaded = settings.load(worker.settings.Settings)
        assert loaded.db_pass and loaded.db_pass.get_secret_value() == "a\rb\r\nc\nd"
        assert loaded.db_user == "Tea"

    def test_secrets_may_be_named_there(self, folder: pathlib.Path) -> None:
        (folder / "secret").write_text(SECRET)
        (folder / ".env").write_text(f"COOKIE_SECRET_FILE={folder / 'secret'}\n")
        assert settings.load(vote.settings.Settings).cookie_secret

    def test_another_may_be_named(self, folder: pathlib.Path, monkeypatch: Env) -> None:
        (folder / ".env").write_text("PORT=1\n")
        (folder / "other").write_text("PORT=2\n")
        monkeypatch.setenv("ENV_FILE", "other")
        assert settings.load(vote.settings.Settings).port == 2

    def test_the_one_named_must_be_there(self, monkeypatch: Env) -> None:
        monkeypatch.setenv("ENV_FILE", "other")
        assert wrong(vote.settings.Settings) == ["ENV_FILE names other, which is no file"]

    def test_it_is_no_text(self, folder: pathlib.Path) -> None:
        (folder / ".env").write_bytes(b"PORT=\xff\n")
        (line,) = wrong(vote.settings.Settings)
        assert line.startswith(".env cannot be read (it is not UTF-8 text)")

    @pytest.mark.skipif(sys.platform != "linux", reason="a file that nobody can read")
    def test_it_cannot_be_read(self, folder: pathlib.Path) -> None:
        if os.geteuid() == 0:  # may read everything, but not this
            (folder / ".env").symlink_to("/proc/self/mem")
        else:
            (folder / ".env").touch(mode=0)
        (line,) = wrong(vote.settings.Settings)
        assert line.startswith(".env cannot be read (")
        assert line.endswith("it must be a text file of lines NAME=value")


class TestUrl:
    """One URL for a store, or its parts."""

    @pytest.mark.parametrize(
        ("url", "address"),
        [
            ("redis://h", "redis://h"),
            ("redis://h:6380/2", "redis://h:6380/2"),
            ("rediss://user:hu%40sh@h:6380/2?socket_timeout=3", "rediss://h:6380/2"),
            ("redis://:hush@[::1]:6379/0", "redis://[::1]:6379/0"),
            ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ],
    )
    def test_the_address_is_told_without_secrets(
        self, monkeypatch: Env, url: str, address: str
    ) -> None:
        monkeypatch.setenv("REDIS_URL", url)
        loaded = settings.load(vote.settings.Settings)
        assert loaded.redis_address() == address
        assert "sh@" not in repr(loaded)

    @pytest.mark.parametrize(
        ("name", "url", "told"),
        [
            ("REDIS_URL", "redis://h:99999/0", "port 99999 is none"),
            ("REDIS_URL", "redis://h:6379/abc", "database 'abc' is no number"),
            ("REDIS_URL", "unix://", "must name the socket"),
            ("DATABASE_URL", "postgresql://u:p@h:99999/x", "port 99999 is none"),
            ("REDIS_URL", "redis://redis..x:6379/0", "is no host: "),
            ("DATABASE_URL", f"postgresql://u:p@h1,{'x' * 64}.org:1/d", "is no host: "),
            ("REDIS_HOST", "redis..x", "is no host: each part between its dots has 1 to 63 lett"),
            ("REDIS_HOST", "x" * 64, "is no host: "),
            ("DB_HOST", ".db", "is no host: "),
            *(
                (name, host, "is no host: it must be a name or an address alone, as in db.example")
                for name in ("DB_HOST", "REDIS_HOST")
                for host in ("http://db", "db:5432", "[::1]", "::1:x", "me@db", "d b", "db\n", "a:")
            ),
            ("DATABASE_URL", "postgresql:///d?host=db..x", "is no host: each part between its do"),
            ("DATABASE_URL", f"postgresql:///d?host={'x' * 64}.org", "is no host: "),
            ("DATABASE_URL", "postgresql:///d?host=http://db", "is no host: it must be as in "),
            ("DATABASE_URL", "postgresql:///d?host=db,", "one of its hosts has no name"),
            ("DATABASE_URL", "postgresql://127.0.0.1:1,/x", "one of its hosts has no name"),
            ("DATABASE_URL", "postgresql://,h/x", "one of its hosts has no name"),
            ("DATABASE_URL", "postgresql://h,:5433/x", "one of its hosts has no name"),
            ("DATABASE_URL", "postgresql://[abc]/x", "is no host: in brackets there must be an"),
            ("REDIS_URL", "redis://[10.0.0.1]:1/0", "is no host: in brackets there must be an"),
            ("REDIS_URL", "redis://h:0/0", "port 0 is none: ports are 1 to 65535"),
            ("DATABASE_URL", "postgresql://h1,h2:0/x", "port 0 is none: ports are 1 to 65535"),
            ("DB_PORT", "0", "Input should be greater than or equal to 1"),
            ("REDIS_PORT", "0", "Input should be greater than or equal to 1"),
        ],
    )
    def test_a_place_that_cannot_be(self, monkeypatch: Env, name: str, url: str, told: str) -> None:
        monkeypatch.setenv(name, url)
        (line,) = wrong(worker.settings.Settings)
        assert line.startswith(f"{name}: {told}")

    def test_a_host_that_cannot_be_of_a_service_that_may_do_without(self, monkeypatch: Env) -> None:
        monkeypatch.setenv("REDIS_HOST", "redis..x")
        (line,) = wrong(result.settings.Settings)
        assert line.startswith("REDIS_HOST: is no host: ")

    @pytest.mark.parametrize("begin", ["hu", "12"])  # numbers could be a port
    @pytest.mark.parametrize("letter", [*":/?#@%[]", "\uff03", "\u2100", "]a["])
    def test_a_password_that_is_not_escaped(
        self, monkeypatch: Env, begin: str, letter: str
    ) -> None:
        """Else a part of it would be the host, and be logged."""
        monkeypatch.setenv("DATABASE_URL", f"postgresql://user:{begin}{letter}sh@host:5432/db")
        monkeypatch.setenv("REDIS_URL", f"redis://user:{begin}{letter}sh@host:6379/0")
        try:
            loaded = settings.load(worker.settings.Settings)
        except settings.SettingsError as error:
            text = str(error)
            assert text.count("percent-encoded") == (1 if letter == "@" else 2)
        else:
            text = f"{loaded!r} {loaded.redis_address()} {loaded.database_address()}"
        assert begin not in text
        assert "sh@" not in text

    def test_an_at_sign_in_a_password(self, monkeypatch: Env) -> None:
        """To the library for Postgres the host begins behind the first one."""
        set_all(monkeypatch, DATABASE_URL="postgresql://u:a@b@h/d", REDIS_URL="redis://:a@b@h/0")
        (line,) = wrong(worker.settings.Settings)
        assert line.startswith("DATABASE_URL: must look like postgresql://user:password@host")

    @pytest.mark.parametrize("url", ["mysql://h/d", "h:5432", "postgresql+asyncpg://h/d"])
    def test_another_kind(self, monkeypatch: Env, url: str) -> None:
        monkeypatch.setenv("DATABASE_URL", url)
        (line,) = wrong(worker.settings.Settings)
        assert line == "DATABASE_URL: must begin with postgresql:// or postgres://"

    def test_the_parts(self, monkeypatch: Env) -> None:
        set_all(monkeypatch, REDIS_HOST="r", REDIS_PORT="1", DB_HOST="d", DB_PORT="2", DB_NAME="n")
        loaded = settings.load(worker.settings.Settings)
        assert loaded.redis_address() == "r:1"
        assert loaded.database_address() == "d:2/n"

    @pytest.mark.parametrize(
        "host",
        ["::1", "fe80::1%eth0", "10.0.0.7", "redis.", "host_name", "umfrage-für-alle", "x" * 63],
    )
    def test_hosts_of_every_kind(self, monkeypatch: Env, host: str) -> None:
        set_all(monkeypatch, REDIS_HOST=host, DB_HOST=host)
        loaded = settings.load(worker.settings.Settings)
        assert (loaded.redis_host, loaded.db_host) == (host, host)

    @pytest.mark.parametrize("host", ["h1,h2:2,[::1]:3", "/run/postgresql", "umfrage-für-alle", ""])
    def test_hosts_among_the_parameters(self, monkeypatch: Env, host: str) -> None:
        monkeypatch.setenv("DATABASE_URL", f"postgresql:///d?user=u&host={host}")
        assert settings.load(worker.settings.Settings).database_url

    @pytest.mark.parametrize("folder", ["/run/postgresql", f"/{'x' * 99}"])
    def test_a_folder_with_a_socket(self, monkeypatch: Env, folder: str) -> None:
        monkeypatch.setenv("DB_HOST", folder)
        assert settings.load(worker.settings.Settings).db_host == folder
        monkeypatch.setenv("DATABASE_URL", f"postgresql://u@{folder.replace('/', '%2F')}/d")
        assert settings.load(worker.settings.Settings).database_url

    def test_the_highest_port(self, monkeypatch: Env) -> None:
        set_all(monkeypatch, REDIS_URL="redis://h:65535/0", DB_PORT="65535")
        loaded = settings.load(worker.settings.Settings)
        assert (loaded.redis_address(), loaded.db_port) == ("redis://h:65535/0", 65535)

    def test_several_hosts(self, monkeypatch: Env) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://u:p@h1:1,h2:2/d")
        address = settings.load(worker.settings.Settings).database_address()
        assert address == "postgresql://h1:1,h2:2/d"

    def test_result_has_redis_only_when_it_is_named(self, monkeypatch: Env) -> None:
        assert not settings.load(result.settings.Settings).has_redis
        monkeypatch.setenv("REDIS_HOST", "r")
        assert settings.load(result.settings.Settings).has_redis

    @pytest.mark.parametrize(
        ("name", "cls"),
        [("VOTE_URL", result.settings.Settings), ("RESULT_URL", vote.settings.Settings)],
    )
    def test_the_url_of_a_page_is_a_whole_one(
        self, monkeypatch: Env, name: str, cls: type[settings.Settings]
    ) -> None:
        monkeypatch.setenv(name, "page.example.org")
        (line,) = wrong(cls)
        assert line.startswith(f"{name}: must be a whole URL")
        monkeypatch.setenv(name, f"http://page.example.org/{'x' * 500}")
        (line,) = wrong(cls)
        assert line.startswith(f"{name}: must have at most 500 characters")

    @pytest.mark.parametrize(
        "url",
        [
            *("http://[::1", "http://::1]/", "http://[::1]x/", "http://[1:2]/", "http://[abc]/"),
            *("http://a b/", "http://a/b c", " http://a/", "http://a/\n", "http://a\t/"),
            *("http://", "http:///", "http://?a", "http://:8080/", "http://user@/"),
            *("http://a:b/", "http://a:1:2/", "http://a<b>/", "ftp://a/"),
        ],
    )
    def test_a_vote_url_that_no_phone_can_open(self, monkeypatch: Env, url: str) -> None:
        monkeypatch.setenv("VOTE_URL", url)
        (line,) = wrong(result.settings.Settings)
        assert line.startswith("VOTE_URL: must be a whole URL without spaces, of http or https, ")
        assert "http://[2001:db8::1]:8080/" in line

    @pytest.mark.parametrize("letter", ["\u202e", "\u2066", "\u200b", "\u2060", "\x07", "\x7f"])
    @pytest.mark.parametrize("url", ["http://vo{}te.example/", "http://vote.example/{}gpj"])
    def test_a_vote_url_with_a_letter_that_cannot_be_seen(
        self, monkeypatch: Env, url: str, letter: str
    ) -> None:
        monkeypatch.setenv("VOTE_URL", url.format(letter))
        (line,) = wrong(result.settings.Settings)
        assert line.startswith(f"VOTE_URL: has U+{ord(letter):04X}, which cannot be seen: ")

    @pytest.mark.parametrize("port", ["0", "65536", "99999999"])
    def test_a_vote_url_with_a_port_that_is_none(self, monkeypatch: Env, port: str) -> None:
        monkeypatch.setenv("VOTE_URL", f"http://vote.example.org:{port}/")
        (line,) = wrong(result.settings.Settings)
        assert line.startswith(f"VOTE_URL: port {port} is none: ports are 1 to 65535")

    @pytest.mark.parametrize(
        "url",
        [
            *("https://vote.example.org", "http://localhost:8080/", "http://192.168.1.7:8080/a"),
            *("http://[::1]:8080/", "http://[fe80::1]", "https://umfrage-für-alle.example/?a=ü#b"),
            *("https://host_name./", "https://a?b", "https://user:word@a/", "http://a/:b@c"),
        ],
    )
    def test_vote_urls_of_every_kind(self, monkeypatch: Env, url: str) -> None:
        monkeypatch.setenv("VOTE_URL", url)
        assert settings.load(result.settings.Settings).vote_url == url


def test_nothing_is_replaced_in_an_env_file(folder: pathlib.Path, monkeypatch: Env) -> None:
    monkeypatch.setenv("HOME", "/home/of/somebody")
    (folder / ".env").write_text("DB_PASS='se${HOME}cret'\nDB_NAME=n${HOME}\n")
    loaded = settings.load(worker.settings.Settings)
    assert loaded.db_pass and loaded.db_pass.get_secret_value() == "se${HOME}cret"
    assert loaded.db_name == "n${HOME}"
