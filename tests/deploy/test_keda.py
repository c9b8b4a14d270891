"""KEDA beside a Redis from elsewhere: it reads no URL, and needs the password and TLS by name."""

import pathlib
import typing

import pytest
import yaml

from tests.deploy import manifest

URL = {"host": "redis.example.com", "port": 6380, "existingSecret": "mine"}
URL |= {"existingSecretUrlKey": "url"}

# As docs/kubernetes.md has it.
PATCH = """
- {op: replace, path: /spec/triggers/0/metadata/address, value: "redis.example.com:6379"}
- {op: add, path: /spec/triggers/0/metadata/enableTLS, value: "true"}
"""


def external(redis: dict[str, typing.Any], **keda: typing.Any) -> dict[str, typing.Any]:
    database = {"host": "postgres.example.com", "password": "secret"}
    worker = {"keda": {"enabled": True, **keda}}
    return {
        "tags": {"stores": False},
        "externalRedis": redis,
        "externalDatabase": database,
        "worker": worker,
    }


def one(resources: list[manifest.Resource], kind: str) -> typing.Any:
    (found,) = (each["spec"] for each in resources if each["kind"] == kind)
    return found


def trigger(resources: list[manifest.Resource]) -> typing.Any:
    (found,) = one(resources, "ScaledObject")["triggers"]
    return found["metadata"]


def password(resources: list[manifest.Resource]) -> tuple[str, str]:
    """The secret and the key that KEDA takes its password from."""
    (found,) = one(resources, "TriggerAuthentication")["secretTargetRef"]
    assert found["parameter"] == "password"
    return found["name"], found["key"]


@pytest.mark.parametrize(
    ("given", "key"),
    [({}, "password"), ({"existingSecretKey": "redis-password"}, "redis-password")],
)
def test_beside_a_url_keda_has_a_password_of_its_own(given: typing.Any, key: str) -> None:
    made = manifest.chart(external(URL | given, tls=True, database=2))
    assert password(made) == ("mine", key)
    metadata = trigger(made)
    assert metadata["address"] == "redis.example.com:6380"
    assert (metadata["enableTLS"], metadata["databaseIndex"]) == ("true", "2")
    # The services read the URL as before.
    env = manifest.pod_specs(made)["Deployment vote-worker"]["spec"]["containers"][0]["env"]
    source = {"secretKeyRef": {"name": "mine", "key": "url"}}
    assert {"name": "REDIS_URL", "valueFrom": source} in env


@pytest.mark.parametrize(
    ("host", "address"),
    [("fd00::1", "[fd00::1]:6379"), ("10.0.0.1", "10.0.0.1:6379"), ("redis", "redis:6379")],
)
def test_an_address_of_redis(host: str, address: str) -> None:
    metadata = trigger(manifest.chart(external({"host": host, "username": "*a: #b"})))
    assert (metadata["address"], metadata["username"]) == (address, "*a: #b")


def test_without_tls_and_database_keda_is_told_of_neither() -> None:
    assert not {"enableTLS", "databaseIndex"} & trigger(manifest.chart(external(URL))).keys()


@pytest.mark.parametrize("key", ["existingSecretKey", "existingSecretUrlKey"])
def test_a_password_in_the_values_is_in_the_secret_that_the_chart_makes(key: str) -> None:
    made = manifest.chart(external({"host": "redis.example.com", "password": "one", key: "other"}))
    name, found = password(made)
    (secret,) = (each for each in made if each["metadata"]["name"] == name)
    assert secret["stringData"][found] == "one"
    (volume, *_) = (
        each["secret"]
        for each in manifest.pod_specs(made)["Deployment vote"]["spec"]["volumes"]
        if "secret" in each
    )
    assert volume["items"] == [{"key": found, "path": found}]


def test_the_overlay_external_has_what_the_component_reads(tmp_path: pathlib.Path) -> None:
    own = manifest.copy(tmp_path) / "overlays" / "external"
    chosen = yaml.safe_load((own / "kustomization.yaml").read_text())
    chosen["components"].append("../../components/keda")
    chosen["patches"].append({"target": {"kind": "ScaledObject"}, "patch": PATCH})
    (own / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
    made = manifest.parse(manifest.render(own))
    name, key = password(made)
    (secret,) = (each for each in made if each["metadata"]["name"] == name)
    assert secret["kind"] == "Secret"
    assert key in secret["data"]
    assert trigger(made)["address"] == "redis.example.com:6379"
    assert trigger(made)["enableTLS"] == "true"
