"""The passwords among the chart's values: as they are given, so every pod gets them."""

import pathlib
import typing

import pytest

from common import setting_source
from tests.deploy import manifest

GIVEN = (
    "redis.auth.password",
    *(f"postgresql.auth.{role}Password" for role in ("postgres", "worker", "result")),
    "externalRedis.password",
)
LINES = ["abc\ndef", "a\rb\r\nc", "a\n  b: 'c'\n\n# d"]


@pytest.mark.parametrize("password", ['a"b', "it's \\ $HOME `id`", "#\u00e9 >~*", " a ", *LINES])
@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_a_password_reaches_every_secret_as_it_is(
    password: str, helm: str, tmp_path: pathlib.Path
) -> None:
    values = {
        "redis": {"auth": {"password": password}},
        "postgresql": {"auth": {f"{role}Password": password for role in ("worker", "result")}},
    }
    secrets = {
        each["metadata"]["name"].removeprefix("vote-"): each["stringData"]
        for each in manifest.chart(values, helm=helm)
        if each["kind"] == "Secret"
    }
    result = read(secrets["result-db-secret"][".env"], tmp_path)
    assert secrets["redis-secret"]["password"] == password
    for service in ("worker", "result"):
        settings = result if service == "result" else secrets["worker-db-secret"]
        assert settings["DB_USER"] == service
        assert settings["DB_PASS"] == settings["REDIS_PASSWORD"] == password
        assert secrets["db-secret"][f"{service}-password"] == password


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("path", GIVEN)
def test_an_end_of_line_at_its_end_is_refused(path: str, end: str) -> None:
    """Redis, psql and vote, which read files, leave it out; who reads the environment does not."""
    values: typing.Any = f"secret{end}"
    for name in reversed(path.split(".")):
        values = {name: values}
    if path.startswith("external"):
        values = manifest.EXTERNAL | values
        values[path.split(".")[0]]["host"] = "redis.example.com"
    with pytest.raises(manifest.RenderError, match=f"{path} ends with the end of a line"):
        manifest.chart(values)


def read(text: str, folder: pathlib.Path) -> dict[str, typing.Any]:
    """What result reads in the text of its file."""
    file = folder / ".env"
    file.write_text(text, newline="")
    return setting_source.read_env_file(file)
