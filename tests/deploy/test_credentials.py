"""The Job that makes the secrets in the cluster: what it makes of those that are there."""

import base64
import importlib.util
import io
import itertools
import types
import typing
import urllib.error
from email.message import Message

import pytest

from tests.deploy import manifest

Secrets = dict[str, dict[str, str]]
NAMES = ("redis-secret", "db-secret", "worker-db-secret", "result-db-secret")
LOST = [names for many in range(len(NAMES) + 1) for names in itertools.combinations(NAMES, many)]
SCRIPT = manifest.KUSTOMIZE / "components" / "credentials" / "credentials.py"


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> typing.Any:
    """The script as a module; `held` are the secrets of its namespace."""
    spec = importlib.util.spec_from_file_location("credentials_job", SCRIPT)
    assert spec
    assert spec.loader
    module: typing.Any = types.ModuleType(spec.name)
    spec.loader.exec_module(module)
    module.held = {}
    monkeypatch.setattr(module, "request", lambda *asked: answer(module.held, *asked))
    return module


def answer(held: Secrets, method: str, path: str, body: typing.Any = None) -> typing.Any:
    """As the API server does, with the rights that the role gives."""
    if method == "POST":
        assert allowed("create") is None
        name = body["metadata"]["name"]
        if name in held:
            raise refusal(409)
        held[name] = dict(body["stringData"])
        return body
    name = path.removeprefix("/")
    names = allowed("get")
    assert names is not None, "the Job may read any secret"
    assert name in names, f"the Job may not read {name}"
    if name not in held:
        raise refusal(404)
    encoded = {key: base64.b64encode(text.encode()).decode() for key, text in held[name].items()}
    return {"data": encoded}


def allowed(verb: str) -> list[str] | None:
    """The names of the secrets that the role lets the Job do this with; None: of any name."""
    (role,) = (each for each in manifest.source("k8s") if each["kind"] == "Role")
    (rule,) = (each for each in role["rules"] if verb in each["verbs"])
    assert rule["resources"] == ["secrets"]
    names: list[str] | None = rule.get("resourceNames")
    return names


def refusal(status: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError("", status, "refused", Message(), io.BytesIO())


def dotenv(text: str) -> dict[str, str]:
    lines = (line.partition("=") for line in text.splitlines())
    return {name: value.strip("'") for name, _, value in lines}


def fit(held: Secrets) -> None:
    """Fails unless each password is the same wherever it stands."""
    assert sorted(held) == sorted(NAMES)
    worker, result = held["worker-db-secret"], dotenv(held["result-db-secret"][".env"])
    assert worker["REDIS_PASSWORD"] == held["redis-secret"]["password"]
    assert result["REDIS_PASSWORD"] == held["redis-secret"]["password"]
    assert worker["DB_PASS"] == held["db-secret"]["worker-password"]
    assert result["DB_PASS"] == held["db-secret"]["result-password"]


def test_the_first_time_it_makes_four_secrets(job: typing.Any) -> None:
    job.main()
    fit(job.held)
    passwords = [*job.held["db-secret"].values(), *job.held["redis-secret"].values()]
    assert len(set(passwords)) == 4
    assert all(len(each) == 48 for each in passwords)


@pytest.mark.parametrize("lost", LOST, ids=" ".join)
def test_what_was_lost_is_made_to_fit_what_is_there(job: typing.Any, lost: list[str]) -> None:
    job.main()
    before = {name: dict(data) for name, data in job.held.items()}
    for name in lost:
        del job.held[name]
    job.main()
    fit(job.held)
    for name in before.keys() - set(lost):
        assert job.held[name] == before[name], name


def test_a_password_with_any_characters_comes_back(job: typing.Any) -> None:
    redis, db = "it's \\' \"all\" = $HOME #1", "\\\\'"
    job.held["redis-secret"] = {"password": f"{redis}\n"}
    job.held["db-secret"] = dict.fromkeys(job.DB_KEYS, db)
    job.main()
    del job.held["redis-secret"], job.held["db-secret"], job.held["worker-db-secret"]
    job.main()
    assert job.held["redis-secret"]["password"] == redis
    assert job.held["db-secret"]["result-password"] == db


def test_passwords_that_differ_are_refused_by_the_names_of_their_secrets(job: typing.Any) -> None:
    job.main()
    job.held["db-secret"]["worker-password"] = "another"
    del job.held["redis-secret"]
    with pytest.raises(SystemExit, match=r"secrets db-secret, worker-db-secret: .* of worker"):
        job.main()
    assert "redis-secret" not in job.held


def test_the_password_of_another_store_is_not_taken(job: typing.Any) -> None:
    elsewhere = {"DB_HOST": "db.example.com", "DB_USER": "worker", "DB_PASS": "theirs"}
    job.held["worker-db-secret"] = {**elsewhere, "REDIS_HOST": "r", "REDIS_PASSWORD": "theirs"}
    job.main()
    assert "theirs" not in [*job.held["db-secret"].values(), *job.held["redis-secret"].values()]
