"""The settings that services share, read from the environment, `.env` and `…_FILE`.

Each service has a `settings.py` of its own, made of these parts. An empty variable counts as not
set.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from common import __version__
from common.poll import OPTION_IDS, OPTION_LETTERS, Poll

EXIT_STATUS = 2  # of a process whose settings are wrong
SENTINEL_PORT = 26379
MAX_NAME = 200  # characters of an option or of the title
MAX_URL = 500  # characters; a phone can still read the QR code from afar

Port = Annotated[int, Field(ge=1, le=65535)]
OptionName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    BeforeValidator(lambda name: " ".join(name.split())),
]


def _check_url_syntax(url: str) -> str:
    HttpUrl(url)
    return url


PageUrl = Annotated[str, Field(max_length=MAX_URL), AfterValidator(_check_url_syntax)] | None


class SettingsError(ValueError):
    """A setting is wrong. The text names it, gives its value and says how to fix it."""


class ServiceSettings(BaseSettings):
    """Settings of every service: where it listens, how it logs and the version that it shows."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, validate_default=True
    )

    host: str = "0.0.0.0"
    port: Port = 8080
    log_format: Literal["plain", "json"] = "plain"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    app_version: Annotated[str, Field(pattern=r"^[A-Za-z0-9._+-]{1,64}$")] = __version__

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Add secrets from files and the options of the poll to the usual sources."""
        environment = EnvSettingsSource(settings_cls)
        env_file = DotEnvSettingsSource(settings_cls, os.environ.get("ENV_FILE") or ".env")
        variables = {**env_file.env_vars, **environment.env_vars}
        secrets = _secrets_from_files(settings_cls, variables)
        return (
            init_settings,
            InitSettingsSource(settings_cls, {"options": _options(variables), **secrets}),
            environment,
            env_file,
        )


def _options(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return the values of `OPTION_A`, `OPTION_B`, … by their letters."""
    prefix = "option_"
    return {
        name.removeprefix(prefix): value
        for name, value in variables.items()
        if name.startswith(prefix) and value is not None
    }


def _secrets_from_files(
    cls: type[BaseSettings], variables: Mapping[str, str | None]
) -> dict[str, str]:
    """Read each secret `X` from the file that `X_FILE` names, as container platforms mount it."""
    secrets = {}
    for field, info in cls.model_fields.items():
        path = variables.get(f"{field}_file")
        if path is None or not _is_secret(info):
            continue
        name = field.upper()
        if variables.get(field):
            raise SettingsError(f"{name} and {name}_FILE are both set: set one of them")
        try:
            secrets[field] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}_FILE: {path} cannot be read: {error}") from None
        if not secrets[field]:
            raise SettingsError(f"{name}_FILE: {path} is empty: write the secret into it")
    return secrets


class RedisSettings(ServiceSettings):
    """Where Redis is: one URL, its parts, or the Sentinels that know it. Faults may be set there.

    With Sentinels, the host and the port of a URL are not used. A vote is acknowledged, and a
    request to delete all votes carried out, only when `redis_replicas` replicas have it, too.
    """

    faults: Literal["disabled", "enabled"] = "disabled"
    redis_url: SecretStr | None = None
    redis_host: str = "redis"
    redis_port: Port = 6379
    redis_username: str | None = None
    redis_password: SecretStr | None = None
    redis_sentinels: Annotated[list[tuple[str, Port]], NoDecode] = []
    redis_sentinel_primary: str = "votes"
    redis_sentinel_username: str | None = None
    redis_sentinel_password: SecretStr | None = None
    redis_replicas: Annotated[int, Field(ge=0, le=10)] = 0

    @field_validator("redis_url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        return _checked_url(url, "redis", "rediss", "unix")

    @field_validator("redis_sentinels", mode="before")
    @classmethod
    def _split_sentinels(cls, given: object, info: ValidationInfo) -> object:
        if not isinstance(given, str):
            return given
        url = info.data.get("redis_url")
        if url and url.get_secret_value().startswith("unix:"):
            raise ValueError("is set together with a REDIS_URL that names a socket: set one")
        addresses = [urlsplit(f"//{each.strip()}") for each in given.split(",")]
        if not all(each.hostname and not each.path for each in addresses):
            raise ValueError("must look like redis-0:26379,redis-1:26379,redis-2:26379")
        return [(each.hostname, each.port or SENTINEL_PORT) for each in addresses]

    @property
    def redis_address(self) -> str:
        """Where Redis is, without any password."""
        if self.redis_sentinels:
            sentinels = ",".join(f"{host}:{port}" for host, port in self.redis_sentinels)
            return f"{self.redis_sentinel_primary} of {sentinels}"
        if self.redis_url:
            return _without_secrets(self.redis_url)
        return f"{self.redis_host}:{self.redis_port}"


class DatabaseSettings(ServiceSettings):
    """Where Postgres is: one URL, or its parts.

    A `db_host` with a "/" is the socket's folder. Several hosts have commas between them; the one
    that takes writes is used.
    """

    database_url: SecretStr | None = None
    db_host: str = "db"
    db_port: Port = 5432
    db_name: str = "postgres"
    db_user: str = "postgres"
    db_pass: SecretStr | None = None

    @field_validator("database_url")
    @classmethod
    def _check_url(cls, url: SecretStr | None) -> SecretStr | None:
        return _checked_url(url, "postgresql", "postgres")

    @property
    def database_address(self) -> str:
        """Where Postgres is, without any password."""
        if self.database_url:
            return _without_secrets(self.database_url)
        return f"{self.db_host}:{self.db_port}/{self.db_name}"


class PollSettings(ServiceSettings):
    """The poll. vote and result must get the same."""

    options: Annotated[dict[str, OptionName], NoDecode] = Field(default={})
    poll_title: str | None = Field(default=None, max_length=MAX_NAME)
    poll_closes_at: AwareDatetime | None = None

    @field_validator("poll_closes_at", mode="before")
    @classmethod
    def _check_text(cls, given: object) -> object:
        """Reject bare numbers, which pydantic would take for seconds since the epoch."""
        if isinstance(given, str) and not re.match(r"\d{4}-", given):
            raise ValueError("must be a time with its offset, as in 2030-01-31T20:00:00+01:00")
        return given

    @field_validator("options")
    @classmethod
    def _complete(cls, given: dict[str, str]) -> dict[str, str]:
        options = {"a": "Cats", "b": "Dogs"}
        for letter, name in sorted(given.items()):
            if letter not in OPTION_IDS:
                raise ValueError(f"OPTION_{letter.upper()}: options are named OPTION_A to OPTION_Z")
            options[letter] = name
        for letter in OPTION_LETTERS[: len(options)]:
            if letter not in options:
                raise ValueError(f"OPTION_{letter.upper()} is missing: use letters without a gap")
        return options

    @property
    def poll(self) -> Poll:
        """The question, its options and when it closes."""
        title = (self.poll_title or "").strip() or _title(list(self.options.values()))
        return Poll(title, self.options, self.poll_closes_at)


def _title(names: list[str]) -> str:
    """Return a title made of all names if they are few and short, otherwise of the first two."""
    if len(names) > 2 and (len(names) > 4 or len("".join(names)) > 60):
        names = [*names[:2], "…"]
    return " vs ".join(names) + "!"


SettingsType = TypeVar("SettingsType", bound=ServiceSettings)


def load(cls: type[SettingsType]) -> SettingsType:
    """Return the settings of this process.

    If one is wrong, one line about each goes to stderr and the process ends with status 2.
    """
    path = os.environ.get("ENV_FILE")
    try:
        if path and not Path(path).is_file():
            raise SettingsError(f"ENV_FILE: there is no file {path}")
        return cls()
    except SettingsError as error:
        exit_with(error)
    except (OSError, UnicodeDecodeError) as error:
        exit_with(SettingsError(f"{path or '.env'} cannot be read: {error}"))
    except ValidationError as error:
        exit_with(SettingsError("\n".join(_line(cls, problem) for problem in error.errors())))


def exit_with(error: SettingsError) -> NoReturn:
    """Write what is wrong to stderr and end the process."""
    for line in str(error).splitlines():
        sys.stderr.write(f"settings: {line}\n")
    raise SystemExit(EXIT_STATUS) from None


def _line(cls: type[ServiceSettings], problem: Any) -> str:
    message = str(problem["msg"]).removeprefix("Value error, ")
    field, *letter = problem["loc"]
    if field == "options" and not letter:  # the message names the variable
        return message
    name = f"option_{letter[0]}" if letter else field
    if _is_secret(cls.model_fields[field]):
        return f"{name.upper()}: {message}"
    if problem["type"] in ("greater_than_equal", "less_than_equal"):
        least, most = cls.model_fields[field].metadata
        return f"{name.upper()}: {problem['input']} is out of range ({least.ge} to {most.le})"
    return f"{name.upper()}: {problem['input']!r} is not valid: {message}"


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _checked_url(url: SecretStr | None, *schemes: str) -> SecretStr | None:
    """Check the scheme, and that it is clear where the password ends.

    An unescaped "/" or "@" would make a part of the password the host, which is logged.
    """
    if url is None:
        return None
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator or scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{each}://' for each in schemes)}")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    hosts = authority.rpartition("@")[2].split(",")
    if authority.count("@") > 1 or "@" in rest[len(authority) :]:
        raise ValueError(
            f"must look like {schemes[0]}://user:password@host:port/name, with each of : / ? # @ %"
            " in user and password percent-encoded (@ is %40)"
        )
    for host in hosts:
        if not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d{1,5})?", host):
            raise ValueError(f"must have hosts like db.example.org:5432 or [::1]:5432, not {host}")
    return url


def _without_secrets(url: SecretStr) -> str:
    parts = urlsplit(url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
