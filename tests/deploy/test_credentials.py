"""The Job in k8s/ that creates the secrets in the cluster."""

import base64
import importlib.util
import io
import urllib.error
from email.message import Message
from pathlib import Path
from typing import Any

import dotenv
import pytest

from tests.deploy import manifest

SCRIPT = manifest.KUSTOMIZE / "k8s" / "credentials.py"
VERBS = {"GET": "get", "PUT": "update", "POST": "create"}
Secrets = dict[str, dict[str, str]]


@pytest.fixture
def held() -> Secrets:
    """The secrets of the namespace."""
    return {}


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch, held: Secrets) -> Any:
    """The script as a module, with an API server that grants the rights of its role."""
    spec = importlib.util.spec_from_file_location("credentials_job", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (role,) = (each for each in manifest.source("k8s") if each["kind"] == "Role")

    def request(method: str, path: str, body: Any = None) -> Any:
        name = path.removeprefix("/") or body["metadata"]["name"]
        (rule,) = (each for each in role["rules"] if VERBS[method] in each["verbs"])
        assert name in rule.get("resourceNames", [name]), f"{method} {name} is forbidden"
        if method != "POST" and name not in held:
            raise urllib.error.HTTPError("", 404, "not found", Message(), io.BytesIO())
        if body:
            held[name] = dict(body["stringData"])
        data = {key: base64.b64encode(text.encode()).decode() for key, text in held[name].items()}
        return {"data": data}

    monkeypatch.setattr(module, "request", request)
    return module


def check_consistent(held: Secrets, folder: Path) -> None:
    (folder / ".env").write_text(held["result-db-secret"][".env"])
    result, worker = dotenv.dotenv_values(folder / ".env"), held["worker-db-secret"]
    assert result["PRESENTER_TOKEN"] == held["presenter-secret"]["presenter-token"]
    for service in (worker, result):
        assert service["REDIS_PASSWORD"] == held["redis-secret"]["password"]
        assert service["DB_PASS"] == held["db-secret"][f"{service['DB_USER']}-password"]


def test_the_first_run_creates_random_passwords(job: Any, held: Secrets, tmp_path: Path) -> None:
    job.main()
    check_consistent(held, tmp_path)
    created = ("db-secret", "redis-secret", "presenter-secret")
    passwords = [value for name in created for value in held[name].values()]
    assert len(set(passwords)) == 5
    assert all(len(each) == 48 for each in passwords)


@pytest.mark.parametrize("password", ["same", "it's \\' \"all\" = #1"])
def test_another_run_keeps_the_passwords_of_the_stores(
    job: Any, held: Secrets, password: str, tmp_path: Path
) -> None:
    held["redis-secret"] = {"password": f"{password}\n"}
    job.main()
    held["redis-secret"] = {"password": password}
    before = {name: dict(data) for name, data in held.items()}
    del held["worker-db-secret"]
    job.main()
    assert held == before
    check_consistent(held, tmp_path)


def test_a_secret_without_a_password_is_named(job: Any, held: Secrets) -> None:
    held["db-secret"] = {"postgres-password": "one", "worker-password": ""}
    with pytest.raises(SystemExit, match=r"db-secret: worker-password, result-password is missing"):
        job.main()
