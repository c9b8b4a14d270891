"""The settings that services share, read from the environment, `.env` and `…_FILE`.

Each service has its own `settings.py`, made of these parts. An empty variable counts as not set.
"""

import os
import pathlib
import re
import sys
import typing
import urllib.parse

import pydantic
import pydantic_settings

from common import place, setting_source

SettingsError = setting_source.SettingsError

EXIT_STATUS = 2  # of a process whose settings are wrong
Port = typing.Annotated[int, pydantic.Field(ge=0, le=place.MAX_PORT)]  # to listen on; 0: any
StorePort = typing.Annotated[int, pydantic.Field(ge=1, le=place.MAX_PORT)]


class Settings(pydantic_settings.BaseSettings):
    """What every service has: where it listens and how it logs."""

    model_config = pydantic_settings.SettingsConfigDict(env_ignore_empty=True, extra="ignore")

    host: str = "0.0.0.0"
    port: Port = 8080
    log_format: typing.Literal["plain", "json"] = "plain"
    log_level: typing.Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[pydantic_settings.BaseSettings],
        init_settings: pydantic_settings.PydanticBaseSettingsSource,
        env_settings: pydantic_settings.PydanticBaseSettingsSource,
        dotenv_settings: pydantic_settings.PydanticBaseSettingsSource,
        file_secret_settings: pydantic_settings.PydanticBaseSettingsSource,
    ) -> tuple[pydantic_settings.PydanticBaseSettingsSource, ...]:
        env_file = getattr(dotenv_settings, "env_file", None)
        path = pathlib.Path(env_file) if isinstance(env_file, str | os.PathLike) else None
        env = setting_source.environment(path)
        options = setting_source.OptionSource(settings_cls, env)
        files = setting_source.FileSource(settings_cls, env)
        env_file_settings = setting_source.EnvFileSource(settings_cls, path)
        return init_settings, files, options, env_settings, env_file_settings


class RedisSettings(Settings):
    """Where Redis is: one URL, or its parts."""

    redis_url: pydantic.SecretStr | None = None
    redis_host: str | None = "redis"
    redis_port: StorePort = 6379
    redis_username: str | None = None
    redis_password: pydantic.SecretStr | None = None

    @pydantic.field_validator("redis_host")
    @classmethod
    def _redis_name(cls, host: str | None) -> str | None:
        return host and place.checked_host(host)

    @pydantic.field_validator("redis_url")
    @classmethod
    def _redis_scheme(cls, url: pydantic.SecretStr | None) -> pydantic.SecretStr | None:
        if url is None:
            return None
        parts = _checked_url(url, "redis", "rediss", "unix")
        if parts.scheme == "unix":
            if not parts.path.strip("/"):
                raise ValueError("must name the socket, as in unix:///run/redis.sock")
        elif not re.fullmatch("/?[0-9]*", parts.path):
            raise ValueError(f"database {parts.path[1:]!r} is no number, as in redis://host:6379/0")
        return url

    def redis_address(self) -> str:
        """Where Redis is, without any password, for messages."""
        if self.redis_url:
            return _address(self.redis_url)
        return f"{self.redis_host}:{self.redis_port}"


class DatabaseSettings(Settings):
    """Where Postgres is: one URL, or its parts."""

    database_url: pydantic.SecretStr | None = None
    db_host: str = "db"
    db_port: StorePort = 5432
    db_name: str = "postgres"
    db_user: str = "postgres"
    db_pass: pydantic.SecretStr | None = None

    @pydantic.field_validator("db_host")
    @classmethod
    def _database_name(cls, host: str) -> str:
        return host if host.startswith("/") else place.checked_host(host)  # "/": where a socket is

    @pydantic.field_validator("database_url")
    @classmethod
    def _database_scheme(cls, url: pydantic.SecretStr | None) -> pydantic.SecretStr | None:
        if url is None:
            return None
        parts = _checked_url(url, "postgresql", "postgres", most_at_signs=1)
        for hosts in urllib.parse.parse_qs(parts.query).get("host", []):
            place.check_all(hosts.split(","))
        return url

    def database_address(self) -> str:
        """Where Postgres is, without any password, for messages."""
        if self.database_url:
            return _address(self.database_url)
        return f"{self.db_host}:{self.db_port}/{self.db_name}"


SettingsType = typing.TypeVar("SettingsType", bound=Settings)


def load(cls: type[SettingsType], **given: typing.Any) -> SettingsType:
    """The settings of this process; `given` goes before the environment.

    Raises `SettingsError`, whose text has one line for each setting that is wrong.
    """
    named = os.environ.get("ENV_FILE")
    if named and not pathlib.Path(named).is_file():
        raise SettingsError(f"ENV_FILE names {named}, which is no file")
    path = named or ".env"
    try:
        return cls(**{"_env_file": path, **given})
    except pydantic.ValidationError as error:
        raise SettingsError("\n".join(_line(cls, problem) for problem in error.errors())) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"{path} cannot be read ({reason}): it must be a text file of lines NAME=value"
        ) from None


def load_or_exit(cls: type[SettingsType], **given: typing.Any) -> SettingsType:
    """As `load`, but what is wrong goes to stderr and the process ends with status 2."""
    try:
        return load(cls, **given)
    except SettingsError as error:
        exit_with(error)


def exit_with(error: SettingsError) -> typing.NoReturn:
    """Tells what is wrong, and ends the process."""
    for line in str(error).splitlines():
        sys.stderr.write(f"settings: {line}\n")
    raise SystemExit(EXIT_STATUS) from None


def _checked_url(
    url: pydantic.SecretStr, *schemes: str, most_at_signs: int = sys.maxsize
) -> urllib.parse.SplitResult:
    """The parts of `url`, of which it is known where the password ends. Raises ValueError.

    An unescaped "/" or "@" in a password would make a part of it the host, which is logged.
    `most_at_signs`: before the host; the library for Postgres looks for it behind the first.
    """
    text = url.get_secret_value()
    if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ValueError(f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    after_scheme = text.partition("://")[2]
    authority = re.split("[/?#]", after_scheme, maxsplit=1)[0]
    rest = after_scheme[len(authority) :]
    hosts = authority.rpartition("@")[2].split(",")
    unclear = ValueError(
        f"must look like {schemes[0]}://user:password@host:port/name, with any of : / ? # @ % [ ]"
        " and of other alphabets in user and password percent-encoded (@ is %40)"
    )
    if "@" in rest or authority.count("@") > most_at_signs:
        raise unclear
    if not all(place.HOST.fullmatch(host) for host in hosts):
        raise unclear
    place.check_all(hosts)
    try:
        return urllib.parse.urlsplit(text)
    except ValueError:  # whose text has the password in it
        raise unclear from None


def _address(url: pydantic.SecretStr) -> str:
    """`url` without what may be secret: user, password and parameters."""
    parts = urllib.parse.urlsplit(url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _line(cls: type[Settings], problem: typing.Any) -> str:
    if isinstance(problem["input"], setting_source.Wrong):
        return problem["input"].text
    message = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"] or problem["loc"][0] == "options":
        return message
    field = str(problem["loc"][0])
    given = ""
    if isinstance(problem["input"], str | int) and not setting_source.is_secret(
        cls.model_fields[field]
    ):
        given = f" (it is {problem['input']!r})"
    return f"{field.upper()}: {message}{given}"
