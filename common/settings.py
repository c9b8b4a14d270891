"""The settings that services share, read from the environment, `.env` and `/run/secrets`.

Each service has a `settings.py` of its own, made of these parts. An empty variable counts as not
set.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as SourceError

from common import __version__

EXIT_STATUS = 2  # of a process whose settings are wrong

ENV_FILE = ".env"  # in the working directory

SECRETS = Path("/run/secrets")  # files named like the settings, in lower case

MIN_SECRET = 16  # characters

# Settings of earlier versions, and what to do instead.
RETIRED = {
    "ACCENT": "use APP_VERSION: each version has a color of its own",
    "BATCH_SIZE": "remove it: a transaction has 5,000 ballots at most",
    "DB_PORT": "use DB_HOST=HOST:PORT or DATABASE_URL",
    "ENV_FILE": "mount or write the file as .env in the working directory",
    "MIGRATE": "start the worker with the option --no-migrate instead of MIGRATE=false",
    "REDIS_PORT": "use REDIS_HOST=HOST:PORT or REDIS_URL",
    "REDIS_SENTINEL_USERNAME": "use REDIS_SENTINEL_PASSWORD for the default user of the Sentinels",
    "REDIS_USERNAME": "use REDIS_URL: redis://USER@HOST:PORT, with REDIS_PASSWORD",
    "TRACING_PATH": "remove it: the images have the packages for traces in /opt/tracing",
    "WORKER_NAME": "remove it: a worker has the name of its host",
}
RETIRED |= {
    f"{name}_FILE": f"mount or write the file as {SECRETS}/{name.lower()}"
    for name in (
        *("COOKIE_SECRET", "DATABASE_URL", "DB_PASS", "PRESENTER_TOKEN"),
        *("REDIS_PASSWORD", "REDIS_SENTINEL_PASSWORD", "REDIS_URL"),
    )
}

Port = Annotated[int, Field(ge=1, le=65535)]


def _check_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().strip()) < MIN_SECRET:
        raise ValueError(f"must have at least {MIN_SECRET} characters, best random ones")
    return secret


def _check_not_empty(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value():  # an empty variable is no setting
        raise ValueError(f"the file in {SECRETS} is empty: write the secret into it")
    return secret


Secret = Annotated[SecretStr, AfterValidator(_check_not_empty)]

# A secret that nobody can guess, even with many tries.
LongSecret = Annotated[SecretStr, AfterValidator(_check_secret)]


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


def _refuse_retired(variables: Mapping[str, str | None]) -> None:
    values = {name: variables.get(name.lower()) or "" for name in RETIRED}
    # Kubernetes sets REDIS_PORT to such a URL if there is a Service named redis.
    found = [name for name, value in values.items() if value and not value.startswith("tcp://")]
    if found:
        raise SettingsError(
            "\n".join(f"{name} is no longer a setting: {RETIRED[name]}" for name in found)
        )


def _options(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return the values of `OPTION_A`, `OPTION_B`, … by their letters."""
    prefix = "option_"
    return {
        name.removeprefix(prefix): value
        for name, value in variables.items()
        if name.startswith(prefix) and value is not None
    }


SettingsType = TypeVar("SettingsType", bound=ServiceSettings)


def load(cls: type[SettingsType]) -> SettingsType:
    """Return the settings of this process.

    If one is wrong, one line about each goes to stderr and the process ends with status 2.
    """
    try:
        from_file = DotEnvSettingsSource(cls, ENV_FILE).env_vars
        variables = {**from_file, **EnvSettingsSource(cls).env_vars}
        _refuse_retired(variables)
        values: dict[str, Any] = {
            "_env_file": ENV_FILE,
            "_secrets_dir": SECRETS if SECRETS.is_dir() else None,
            "options": _options(variables),
        }
        return cls(**values)
    except SettingsError as error:
        exit_with(error)
    except (OSError, UnicodeDecodeError) as error:
        exit_with(SettingsError(f"{ENV_FILE} cannot be read: {error}"))
    except SourceError as error:
        exit_with(SettingsError(f"{error} ({SECRETS}): {error.__cause__}"))
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
