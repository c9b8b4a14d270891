"""Where settings come from besides plain variables: `…_FILE`, and the options of the poll."""

import dataclasses
import os
import pathlib
import re
import typing

import dotenv
import pydantic
import pydantic_settings

Field = pydantic.fields.FieldInfo


class SettingsError(ValueError):
    """A setting is wrong. The text names it, says what is wrong and what is right."""


@dataclasses.dataclass(frozen=True)
class Wrong:
    """Stands for a value that cannot be had: no field takes it. `text` says why."""

    text: str


def environment(env_file: pathlib.Path | None) -> dict[str, str]:
    """The variables in force, names in capitals: the process's own before those of `env_file`."""
    values = read_env_file(env_file) if env_file and env_file.is_file() else {}
    given = (*values.items(), *os.environ.items())  # of the same name, the last that is not empty
    return {name.upper(): value for name, value in given if value}


def read_env_file(path: pathlib.Path) -> dict[str, str | None]:
    """The variables in a `.env` file. A password may have `${…}` in it: nothing is replaced."""
    with path.open(encoding="utf-8", newline="") as stream:
        return dotenv.dotenv_values(stream=stream, interpolate=False)


class EnvFileSource(pydantic_settings.DotEnvSettingsSource):
    """The `.env` file, by `read_env_file`."""

    def _read_env_file(self, file_path: pathlib.Path) -> dict[str, str | None]:
        return {name.lower(): value for name, value in read_env_file(file_path).items() if value}


class FileSource(pydantic_settings.PydanticBaseSettingsSource):
    """Reads each secret `X` from the file that `X_FILE` names, as container platforms mount it."""

    def __init__(self, cls: type[pydantic_settings.BaseSettings], env: dict[str, str]) -> None:
        super().__init__(cls)
        self._env = env

    def get_field_value(self, field: Field, field_name: str) -> tuple[typing.Any, str, bool]:
        name = field_name.upper()
        path = self._env.get(f"{name}_FILE")
        if path is None or not is_secret(field):
            return None, field_name, False
        return self._read(name, path), field_name, False

    def _read(self, name: str, path: str) -> str | Wrong:
        if name in self._env:
            return Wrong(f"{name} and {name}_FILE are both set: set one of them")
        try:
            text = pathlib.Path(path).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            return Wrong(
                f"{name}_FILE names {path}, which cannot be read ({reason}): "
                "it must be a text file that this process may read"
            )
        # A password may begin or end with a blank: to the stores' images too.
        value = text.strip() if name.endswith("_URL") else text.rstrip("\r\n")
        if not value.strip():
            return Wrong(f"{name}_FILE names {path}, which is empty: write the secret there")
        return value

    def __call__(self) -> dict[str, typing.Any]:
        found = {}
        for name, field in self.settings_cls.model_fields.items():
            value, _, _ = self.get_field_value(field, name)
            if value is not None:
                found[name] = value
        return found


class OptionSource(pydantic_settings.PydanticBaseSettingsSource):
    """Collects `OPTION_A`, `OPTION_B`, … into the field `options`."""

    def __init__(self, cls: type[pydantic_settings.BaseSettings], env: dict[str, str]) -> None:
        super().__init__(cls)
        self._env = env

    def get_field_value(self, field: Field, field_name: str) -> tuple[typing.Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, typing.Any]:
        if "options" not in self.settings_cls.model_fields:
            return {}
        given = {name: value for name, value in self._env.items() if name.startswith("OPTION_")}
        strange = sorted(name for name in given if not re.fullmatch("OPTION_[A-Z]", name))
        if strange:
            names = ", ".join(strange)
            return {"options": Wrong(f"{names}: options are named OPTION_A to OPTION_Z")}
        return {"options": {name[-1].lower(): value for name, value in given.items()}}


def is_secret(field: Field) -> bool:
    return pydantic.SecretStr in (field.annotation, *typing.get_args(field.annotation))
