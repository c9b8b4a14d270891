"""The values of the chart: what they change, and how wrong ones are refused."""

import copy
import json
from typing import Any

import pytest

from tests.deploy import manifest

PAGES = ("vote", "result")
URL = {"existingSecretUrlKey": "url", "port": 6380}
# Values, and what Helm says about them: the path or the name of the value.
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "one option": ({"poll": {"options": ["Cats"]}}, "/poll/options"),
    "the same option twice": ({"poll": {"options": ["Cats", "Cats"]}}, "/poll/options"),
    "an end without offset": ({"poll": {"closesAt": "2026-12-24T18:00:00"}}, "/poll/closesAt"),
    "a node port of a ClusterIP": ({"vote": {"service": {"nodePort": 31000}}}, "nodePort"),
    "a node port too low": (
        {"vote": {"service": {"type": "NodePort", "nodePort": 80}}},
        "/vote/service/nodePort",
    ),
    "a URL for a host": (
        {"vote": {"ingress": {"enabled": True, "hosts": ["https://vote.example.com"]}}},
        "/vote/ingress/hosts/0",
    ),
    "a host with its port": ({"externalDatabase": {"host": "db:5432/x"}}, "/externalDatabase/host"),
    "a retired value": ({"vote": {"accent": "#0a7a3c"}}, "'accent' not allowed"),
    "a tag with a space": ({"image": {"tag": "a b"}}, "/image/tag"),
    "a memory size": ({"vote": {"resources": {"limits": {"memory": "64MB"}}}}, "limits/memory"),
    "a store's memory": ({"redis": {"maxmemory": "192Mi"}}, "/maxmemory"),
    "an unknown value": ({"vote": {"replicas": 3}}, "'replicas' not allowed"),
    "a removed value": ({"load": {"enabled": True}}, "'load' not allowed"),
    "a removed autoscaler": ({"worker": {"autoscaling": {}}}, "'autoscaling' not allowed"),
    "an unknown value of a store": ({"redis": {"persistance": {}}}, "'persistance' not allowed"),
    "a rule that is no rule": ({"networkPolicy": {"extraEgress": ["any"]}}, "/extraEgress/0"),
    "two Redis": ({"externalRedis": {"host": "redis"}}, "set redis.enabled=false"),
    "a URL for the bundled Redis": ({"externalRedis": URL}, "set redis.enabled=false"),
    "no Redis": ({"redis": {"enabled": False}}, "externalRedis.host"),
    "two databases": ({"externalDatabase": {"host": "db"}}, "set postgresql.enabled=false"),
    "no database": ({"postgresql": {"enabled": False}}, "externalDatabase.host"),
    "one host for both pages": (
        {page: {"ingress": {"enabled": True, "hosts": ["poll.example.com"]}} for page in PAGES},
        "vote.ingress.hosts and result.ingress.hosts",
    ),
    "monitors without access": (
        {"monitoring": {"podMonitor": {"enabled": True}}},
        "set networkPolicy.monitoringNamespace",
    ),
}

FAULTS = {"faults": {"enabled": True}}
PASSWORDS = {
    "redis": {"auth": {"password": "new"}},
    "postgresql": {
        "auth": dict.fromkeys(("postgresPassword", "workerPassword", "resultPassword"), "new")
    },
    "faults": {"enabled": True, "presenterToken": "new"},
}
SERVICES = {"vote", "vote-worker", "vote-result"}
# Values, what an upgrade changes in them, and the workloads that it rolls.
ROLLED: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "nothing": ({}, {}, set()),
    "the poll": ({}, {"poll": {"options": ["Tea", "Coffee"]}}, {"vote", "vote-result"}),
    "the log": ({}, {"log": {"level": "debug"}}, SERVICES),
    "faults": ({}, FAULTS, SERVICES),
    # Anyone who may read workloads could try out passwords on a hash of them.
    "the passwords and the token": (FAULTS, FAULTS | PASSWORDS, set()),
    "the secret of Postgres": (
        {},
        {"postgresql": {"auth": {"existingSecret": "new"}}},
        {"vote-db", "vote-worker", "vote-result"},
    ),
    "another Redis": (
        manifest.EXTERNAL,
        {"externalRedis": {"host": "redis.example.org"}},
        SERVICES,
    ),
    "another Postgres": (
        manifest.EXTERNAL,
        {"externalDatabase": {"host": "postgres.example.org"}},
        {"vote-worker", "vote-result"},
    ),
    "the secret of another Postgres": (
        manifest.EXTERNAL,
        {"externalDatabase": {"existingSecret": "new"}},
        {"vote-worker", "vote-result"},
    ),
}


@pytest.mark.parametrize("helm", ["helm", pytest.param("helm4", marks=pytest.mark.extended)])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_refused_with_its_name(name: str, helm: str) -> None:
    values, message = WRONG[name]
    with pytest.raises(manifest.RenderError) as refused:
        manifest.chart(values, helm)
    assert message in str(refused.value)


def test_a_long_release_name_is_refused() -> None:
    with pytest.raises(manifest.RenderError, match="at most 40 lower-case letters"):
        manifest.chart(release="x" * 41)


@pytest.mark.parametrize("release", ["1vote", "a.vote"])
def test_a_release_name_that_no_service_can_have_is_refused(release: str) -> None:
    with pytest.raises(manifest.RenderError, match=f'release name "{release}"'):
        manifest.chart(release=release)


@pytest.mark.parametrize("name", manifest.CHARTS)
@pytest.mark.parametrize("helm", ["helm", pytest.param("helm4", marks=pytest.mark.extended)])
def test_lint_accepts_the_chart(name: str, helm: str, tmp_path: Any) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(manifest.CHARTS[name]))
    said = manifest.run(helm, "lint", "--strict", str(manifest.CHART), "--values", str(file))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "WARNING" not in said


def without_random_passwords(resources: list[manifest.Resource]) -> list[manifest.Resource]:
    return [each for each in resources if each["kind"] != "Secret"]


def test_helm_3_and_helm_4_render_the_same() -> None:
    one, other = (manifest.chart(manifest.FULL, helm) for helm in ("helm", "helm4"))
    assert without_random_passwords(one) == without_random_passwords(other)


def test_with_existing_secrets_two_renderings_are_identical_and_contain_no_secret() -> None:
    own = {"auth": {"existingSecret": "stores"}}
    one, other = (manifest.chart({"redis": own, "postgresql": own}) for _ in range(2))
    assert one == other
    assert "Secret" not in {each["kind"] for each in one}


@pytest.mark.parametrize("password", ['a"b', "it's \\ $HOME `id`", "#\u00e9 >~*", " a "])
def test_a_password_reaches_the_secret_as_it_is(password: str) -> None:
    made = manifest.chart({"redis": {"auth": {"password": password}}})
    (secret,) = (each for each in made if each["metadata"]["name"] == "vote-redis-secret")
    assert secret["stringData"] == {"password": password}


def test_every_option_reaches_the_pages() -> None:
    options = [f"Option {number}" for number in range(26)]
    made = manifest.chart({"poll": {"options": options, "title": "2026", "id": "7"}})
    for page in ("Deployment vote", "Deployment vote-result"):
        found = manifest.environment(made, page)
        assert [found[f"OPTION_{letter}"] for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] == options
        assert (found["POLL_TITLE"], found["POLL_ID"]) == ("2026", "7")


def merge(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The values of both, as Helm merges them."""
    merged = dict(one)
    for key, value in other.items():
        merged[key] = merge(one.get(key, {}), value) if isinstance(value, dict) else value
    return merged


@pytest.mark.parametrize(("base", "change", "rolled"), ROLLED.values(), ids=ROLLED)
def test_a_change_rolls_what_uses_it_and_nothing_else(
    base: dict[str, Any], change: dict[str, Any], rolled: set[str]
) -> None:
    before, after = (manifest.pods(manifest.chart(each)) for each in (base, merge(base, change)))
    workloads = {name for name in before if name.startswith(("Deployment", "StatefulSet"))}
    changed = {name for name in workloads if before[name] != after[name]}
    assert {name.split()[1] for name in changed} == rolled


def test_vote_does_not_know_the_database_and_the_worker_does_not_know_the_poll() -> None:
    for name in manifest.CHARTS:
        made = manifest.source(f"chart {name}")
        vote, worker = (
            manifest.environment(made, f"Deployment {each}") for each in ("vote", "vote-worker")
        )
        assert not [each for each in vote if each.startswith("DB_")]
        assert not [each for each in worker if each.startswith(("OPTION_", "POLL_"))]


def test_images_from_another_registry() -> None:
    tag = f"1.2.3@sha256:{'0' * 64}"
    values = {
        "global": {"imageRegistry": "registry.example.com/poll/"},
        "image": {"tag": "1.2.3"},
        "vote": {"image": {"tag": tag}},
        "worker": {"image": {"tag": "1.2.4"}},
        "redis": {"image": {"tag": "8.1"}},
    }
    templates = manifest.pods(manifest.chart(values)).values()
    assert {each["image"] for template in templates for each in manifest.containers(template)} == {
        f"registry.example.com/poll/voting-vote:{tag}",
        "registry.example.com/poll/voting-worker:1.2.4",
        "registry.example.com/poll/voting-result:1.2.3",
        "registry.example.com/poll/voting-seed:1.2.3",
        "registry.example.com/poll/valkey/valkey:8.1",
        "registry.example.com/poll/postgres:18",
    }


def test_two_releases_share_no_name() -> None:
    def names(release: str) -> set[tuple[str, str]]:
        made = manifest.chart(release=release)
        return {(each["kind"], each["metadata"]["name"]) for each in made}

    assert not names("vote") & names("other")
    assert ("Service", "other-vote") in names("other")


@pytest.mark.parametrize(
    ("worker", "is_created"),
    [
        ({}, False),
        ({"replicaCount": 0}, True),
        ({"keda": {"enabled": True}}, True),
        ({"keda": {"enabled": True, "minReplicas": 1}}, False),
    ],
)
def test_without_a_permanent_worker_a_job_applies_the_schema(
    worker: dict[str, Any], is_created: bool
) -> None:
    made = manifest.chart({"worker": worker})
    assert ("Job vote-migration-1" in manifest.pods(made)) is is_created
    (container,) = manifest.pods(made)["Deployment vote-worker"]["spec"]["containers"]
    assert ("--no-migrate" in container.get("args", [])) is is_created


def test_external_stores_leave_nothing_of_the_bundled_ones() -> None:
    made = manifest.chart(manifest.EXTERNAL)
    assert not {"StatefulSet", "Secret"} & {each["kind"] for each in made}
    found = manifest.environment(made, "Deployment vote-worker")
    assert found["REDIS_HOST"] == "redis.example.com:6379"
    assert found["DB_HOST"] == "postgres.example.com:5432"


def test_an_external_store_may_have_another_port_and_an_ipv6_address() -> None:
    found = manifest.environment(
        manifest.chart(
            merge(
                manifest.EXTERNAL,
                {
                    "externalRedis": {"host": "fd00::1", "port": 6380},
                    "externalDatabase": {"host": "db.example.com", "port": 5433},
                },
            )
        ),
        "Deployment vote-worker",
    )
    assert found["REDIS_HOST"] == "[fd00::1]:6380"
    assert found["DB_HOST"] == "db.example.com:5433"


def test_a_user_of_redis_is_part_of_a_url() -> None:
    values = merge(manifest.EXTERNAL, {"externalRedis": {"username": "us:er"}})
    found = manifest.environment(manifest.chart(values), "Deployment vote")
    assert found["REDIS_URL"] == "redis://us%3Aer@redis.example.com:6379"
    values = merge(values, {"externalRedis": URL})
    assert "REDIS_URL" not in manifest.environment(manifest.chart(values), "Deployment vote")


def test_a_url_of_redis_is_read_from_a_file_and_keda_gets_the_password() -> None:
    values = copy.deepcopy(manifest.EXTERNAL)
    values["externalRedis"] |= URL
    values["worker"] = {"keda": {"enabled": True, "tls": True, "database": 2}}
    made = manifest.chart(values)
    spec = manifest.pods(made)["Deployment vote"]["spec"]
    (volume,) = (each["projected"] for each in spec["volumes"] if "projected" in each)
    assert volume["sources"] == [
        {"secret": {"name": "stores", "items": [{"key": "url", "path": "redis_url"}]}}
    ]
    by_kind: dict[str, Any] = {each["kind"]: each.get("spec") for each in made}
    assert by_kind["TriggerAuthentication"]["secretTargetRef"] == [
        {"parameter": "password", "name": "stores", "key": "password"}
    ]
    metadata = by_kind["ScaledObject"]["triggers"][0]["metadata"]
    assert metadata["address"] == "redis.example.com:6380"
    assert (metadata["enableTLS"], metadata["databaseIndex"]) == ("true", "2")


def test_volumes_and_variables_reach_every_container_of_a_service() -> None:
    volume = {"name": "ca", "configMap": {"name": "ca"}}
    mount = {"name": "ca", "mountPath": "/etc/ca", "readOnly": True}
    variable = {"name": "PGSSLROOTCERT", "value": "/etc/ca/ca.crt"}
    own = {"extraEnv": [variable], "volumes": [volume], "volumeMounts": [mount]}
    made = manifest.chart(
        {"vote": own, "worker": own, "result": own} | {"migration": {"enabled": True}}
    )
    templates = manifest.pods(made)
    for name in ("Deployment vote", "Deployment vote-worker", "Job vote-migration-1"):
        assert volume in templates[name]["spec"]["volumes"]
        for container in manifest.containers(templates[name]):
            assert mount in container["volumeMounts"]
            assert variable in container["env"]


@pytest.mark.parametrize(
    ("front", "scheme"),
    [
        ({"ingress": {"enabled": True, "hosts": ["HOST"]}}, "http"),
        ({"ingress": {"enabled": True, "hosts": ["HOST"], "tls": [{"hosts": ["HOST"]}]}}, "https"),
        (
            {"httpRoute": {"enabled": True, "hostnames": ["HOST"], "parentRefs": [{"name": "g"}]}},
            "http",
        ),
    ],
)
def test_each_page_knows_the_address_of_the_other(front: dict[str, Any], scheme: str) -> None:
    text = json.dumps(front)
    values = {page: json.loads(text.replace("HOST", f"{page}.example.com")) for page in PAGES}
    made = manifest.chart(values)
    for service, name, other in (
        ("vote", "RESULT_URL", "result"),
        ("vote-result", "VOTE_URL", "vote"),
    ):
        (deployment,) = (
            each
            for each in made
            if each["kind"] == "Deployment" and each["metadata"]["name"] == service
        )
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        environment = {each["name"]: each.get("value") for each in container["env"]}
        assert environment[name] == f"{scheme}://{other}.example.com/"
