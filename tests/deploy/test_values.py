"""The chart's values: what is wrong is refused with a message that says so."""

import copy
import json
import re
import typing

import pydantic
import pytest
import yaml

from common import poll_setting
from tests.deploy import manifest, schema

LARGE = 3_000_000
PAGES = ("vote", "result")
DEPLOYED = ("vote", "vote-worker", "vote-result")
ROUTE = {"enabled": True, "parentRefs": [{"name": "gateway"}]}
EXTERNAL = {"tags": {"stores": False}, "externalRedis": {"host": "redis.example.com"}}
WRONG: dict[str, tuple[dict[str, typing.Any], str]] = {
    "one option": ({"poll": {"options": ["Cats"]}}, "/poll/options.*minItems: got 1, want 2"),
    "27 options": (
        {"poll": {"options": [f"Option {number}" for number in range(27)]}},
        "/poll/options.*maxItems: got 27, want 26",
    ),
    "the same option twice": (
        {"poll": {"options": ["Cats", "Dogs", "cats"]}},
        'poll.options: "cats" is there twice: each option needs a name of its own',
    ),
    "the same option but for spaces": (
        {"poll": {"options": ["Black cats", "Black  cats"]}},
        "is there twice",
    ),
    "a blank option": ({"poll": {"options": ["Cats", " "]}}, "/poll/options/1"),
    "a blank title": ({"poll": {"title": " "}}, "/poll/title"),
    **{
        f"an end {name}": (
            {"poll": {"closesAt": given}},
            f'poll.closesAt: "{given}" must be a time with its offset, such as "2026-12-24T20:',
        )
        for name, given in {
            "in a word": "tomorrow",
            "without a time": "2026-12-24",
            "without an offset": "2026-12-24T18:00:00",
            "in month 13": "2026-13-24T18:00:00Z",
            "at 25 o'clock": "2026-12-24T25:00:00Z",
            "in the year 0": "0000-12-24T18:00:00Z",
        }.items()
    },
    "an end on February 31": (
        {"poll": {"closesAt": "2027-02-31T18:00:00Z"}},
        "poll.closesAt: 2027-02-31 is no day of the calendar",
    ),
    "a leap day of a plain year": (
        {"poll": {"closesAt": "2027-02-29T18:00:00Z"}},
        "poll.closesAt: 2027-02-29 is no day of the calendar",
    ),
    "KEDA and HPA": (
        {"worker": {"keda": {"enabled": True}, "autoscaling": {"enabled": True}}},
        "worker.keda.enabled and worker.autoscaling.enabled are both true",
    ),
    "no database": (EXTERNAL, "externalDatabase.host is empty"),
    "no redis": (
        {"tags": {"stores": False}, "externalDatabase": {"host": "db"}},
        "externalRedis.host is empty",
    ),
    "two databases": (
        {"externalDatabase": {"host": "db"}},
        "externalDatabase.host is set, but the bundled Postgres is on",
    ),
    "KEDA with a URL": (
        {
            "redis": {"enabled": False},
            "externalRedis": {"existingSecret": "mine", "existingSecretUrlKey": "url"},
            "worker": {"keda": {"enabled": True}},
        },
        "worker.keda.enabled needs externalRedis.host",
    ),
    "KEDA with TLS for the bundled Redis": (
        {"worker": {"keda": {"enabled": True, "tls": True}}},
        "worker.keda.tls or worker.keda.database is set, but the bundled Redis is on",
    ),
    "KEDA with another database of the bundled Redis": (
        {"worker": {"keda": {"enabled": True, "database": 1}}},
        "worker.keda.tls or worker.keda.database is set, but the bundled Redis is on",
    ),
    "a node port too low": (
        {"vote": {"service": {"type": "NodePort", "nodePort": 80}}},
        "/vote/service/nodePort.*minimum: got 80, want 30,000",
    ),
    "a node port too high": (
        {"result": {"service": {"type": "NodePort", "nodePort": 40000}}},
        "/result/service/nodePort.*maximum: got 40,000, want 32,767",
    ),
    "a node port without its type": (
        {"vote": {"service": {"nodePort": 31000}}},
        "vote.service.nodePort is set, but vote.service.type is ClusterIP",
    ),
    "one node port for both": (
        {page: {"service": {"type": "NodePort", "nodePort": 31000}} for page in PAGES},
        "vote.service.nodePort and result.service.nodePort are the same",
    ),
    "an Ingress without host": (
        {"vote": {"ingress": {"enabled": True}}},
        "vote.ingress.host is empty",
    ),
    **{
        f"a host of an Ingress {name}": (
            {"vote": {"ingress": {"enabled": True, "host": given}}},
            f'vote.ingress.host: "{given}" must be a host name alone, in small letters',
        )
        for name, given in {
            "with its scheme": "http://a.example.com",
            "with its port": "a.example.com:8080",
            "with a path": "a.example.com/vote",
            "in capitals": "A.example.com",
            "with a space": "a.example.com ",
            "with a dot too many": "a..example.com",
        }.items()
    },
    "a host of a gateway with its scheme": (
        {"result": {"httpRoute": ROUTE | {"hostnames": ["a.b", "https://a.b"]}}},
        'result.httpRoute.hostnames: "https://a.b" must be a host name alone, .*result.example.com',
    ),
    "one host for both": (
        {page: {"ingress": {"enabled": True, "host": "poll.example.com"}} for page in PAGES},
        "vote.ingress.host and result.ingress.host are the same",
    ),
    "a name with a dot": ({"fullnameOverride": "my.vote"}, '"my.vote" cannot begin the name'),
    "a host with its port": (
        {**EXTERNAL, "externalDatabase": {"host": "db.example.com:5432"}},
        "externalDatabase.host is .*the port goes to externalDatabase.port",
    ),
    "a URL for a host": (
        {**EXTERNAL, "externalRedis": {"host": "redis://redis.example.com"}},
        "externalRedis.host is .*the port goes to externalRedis.port",
    ),
    "no time for what is in hand": (
        {"vote": {"preStopSeconds": 25}},
        "vote.terminationGracePeriodSeconds must be vote.preStopSeconds and 10 more",
    ),
    "one host of a gateway for both": (
        {page: {"httpRoute": ROUTE | {"hostnames": ["poll.example.com"]}} for page in PAGES},
        "vote.httpRoute and result.httpRoute are both for poll.example.com at the gateway gateway",
    ),
    "any host of a gateway for both": (
        {page: {"httpRoute": ROUTE} for page in PAGES},
        "vote.httpRoute and result.httpRoute are both for any host name at the gateway gateway",
    ),
    "a route without gateway": (
        {"result": {"httpRoute": {"enabled": True}}},
        "result.httpRoute.parentRefs is empty",
    ),
    "fewest more than most": (
        {"worker": {"autoscaling": {"enabled": True, "minReplicas": 9}}},
        "worker.autoscaling.minReplicas is more than maxReplicas",
    ),
    "an owner of the schema, but no Job that would be it": (
        {"migration": {"existingSecret": "owner"}},
        "migration.existingSecret is set, but nothing reads it: .*migration.enabled=true",
    ),
    **{
        f"{store}: {name}": (
            {store: given},
            f"{store}.auth.createSecret is true, and the chart makes that secret already",
        )
        for store in schema.STORES
        for name, given in {
            "a secret made twice": {"auth": {"createSecret": True}},
            "null": None,
        }.items()
    },
    "a limit in Kubernetes' words": (
        {"redis": {"maxmemory": "192Mi"}},
        'redis.maxmemory: "192Mi" must be a whole number with kb, mb or gb',
    ),
    "more memory than Redis has": (
        {"redis": {"maxmemory": "193mb"}},
        "redis.maxmemory, 193mb, is more than three quarters of .*memory, 256Mi",
    ),
    "less memory for Redis": (
        {"redis": {"resources": {"limits": {"memory": 201_326_592}}}},
        "redis.maxmemory, 192mb, is more than three quarters of .*memory, 201326592",
    ),
    "a split that is none": (
        {"seed": {"split": "2-1"}},
        'seed.split: "2-1" must be whole numbers',
    ),
    "a split of zeros": (
        {"seed": {"split": "0:0"}},
        'seed.split: "0:0" gives no option a vote',
    ),
    "a split among more options": (
        {"seed": {"enabled": True, "split": "3:2:1"}},
        'seed.split: "3:2:1" has 3 parts, but the poll has 2 options',
    ),
    "monitors that Prometheus cannot use": (
        {"monitoring": {"serviceMonitor": {"enabled": True}}},
        "set networkPolicy.monitoringNamespace to the namespace where it runs",
    ),
    "a tag with a space": ({"image": {"tag": "a b"}}, "/image/tag"),
    "a URL for a registry": (
        {"vote": {"image": {"registry": "https://registry.example.com"}}},
        "/vote/image/registry",
    ),
    "a registry with a space for a store": (
        {"redis": {"image": {"registry": "my registry"}}},
        "(?s)redis:.*/image/registry",
    ),
    "a URL for the registry of all": (
        {"global": {"imageRegistry": "https://registry.example.com"}},
        "/global/imageRegistry",
    ),
    "a repository with its tag": (
        {"postgresql": {"image": {"repository": "postgres:17"}}},
        "(?s)postgresql:.*/image/repository",
    ),
    "an unknown value": ({"vote": {"replica": 3}}, "/vote.*additional properties 'replica' not"),
    "an unknown value of a subchart": (
        {"redis": {"persistance": {"enabled": False}}},
        "additional properties 'persistance' not",
    ),
    "a text for a number": ({"vote": {"replicas": "two"}}, "/vote/replicas.*got string, want int"),
    "a text for a switch": ({"seed": {"enabled": "yes"}}, "/seed/enabled.*got string, want bool"),
    "a number for a label": ({"commonLabels": {"team": 7}}, "/commonLabels/team.*want string"),
    "a service type": ({"vote": {"service": {"type": "Nodeport"}}}, "/vote/service/type"),
    "a digest": ({"vote": {"image": {"digest": "latest"}}}, "/vote/image/digest"),
    "a memory size": (
        {"vote": {"resources": {"limits": {"memory": "64MB"}}}},
        "/vote/resources/limits/memory",
    ),
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_a_wrong_value_is_refused_with_a_message(name: str, helm: str) -> None:
    values, message = WRONG[name]
    with pytest.raises(manifest.RenderError, match=f"(?s){message}"):
        manifest.chart(values, helm=helm)


def redis_env(values: dict[str, typing.Any]) -> typing.Any:
    pods = manifest.pod_specs(manifest.chart({"redis": values}))
    return pods["StatefulSet vote-redis"]["spec"]["containers"][0].get("env")


@pytest.mark.parametrize(
    ("maxmemory", "limit"),
    [
        ("192mb", "256Mi"),
        ("768mb", "1Gi"),
        ("1gb", "1.5Gi"),
        ("1gb", "2G"),
        ("700mb", 1_000_000_000),
        ("1gb", "1500M"),
    ],
)
def test_memory_for_more_votes(maxmemory: str, limit: str | int) -> None:
    given = {"maxmemory": maxmemory, "resources": {"limits": {"memory": limit}}}
    assert redis_env(given) == [{"name": "MAXMEMORY", "value": maxmemory}]


def test_without_a_bound_there_is_none() -> None:
    assert redis_env({"maxmemory": None}) is None


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_a_release_name_that_would_be_too_long_is_refused(helm: str) -> None:
    with pytest.raises(manifest.RenderError, match="more than 40 characters"):
        manifest.chart(release="x" * 41, helm=helm)


# Spaces, controls, marks, letters drawn as nothing; and what looks odd, but can be seen.
TEXTS = ["\u00a0", "\u200b", "\u3000\ufeff", "\x7f", "\u2028", "\u00ad", *poll_setting.FILLERS]
TEXTS += ["\ue000", "\u0301", "\u200bA", "\u3164\u4e2d"]


@pytest.mark.parametrize("helm", ["helm", "helm4"])
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_a_text_is_refused_as_the_services_refuse_it(text: str, helm: str) -> None:
    try:
        poll_setting.PollSettings(options={"b": text}, poll_title=text)
    except pydantic.ValidationError:
        for poll, message in (
            ({"options": ["Cats", text]}, "poll.options: nothing of option 2, .* can be seen"),
            ({"title": text}, "poll.title: nothing of .* can be seen"),
        ):
            with pytest.raises(manifest.RenderError, match=message):
                manifest.chart({"poll": poll}, helm=helm)
    else:
        assert manifest.chart({"poll": {"options": ["Cats", text], "title": text}}, helm=helm)


@pytest.mark.parametrize(
    ("page", "other"),
    [
        ({"hostnames": ["vote.example.com"]}, {"hostnames": ["result.example.com"]}),
        ({"hostnames": ["vote.example.com"]}, {}),
        ({}, {"parentRefs": [{"name": "gateway", "sectionName": "results"}]}),
    ],
)
def test_two_routes_that_differ_are_taken(page: typing.Any, other: typing.Any) -> None:
    routes = {"vote": {"httpRoute": ROUTE | page}, "result": {"httpRoute": ROUTE | other}}
    assert [each for each in manifest.chart(routes) if each["kind"] == "HTTPRoute"]


@pytest.mark.parametrize(
    ("worker", "is_made"),
    [
        ({}, False),
        ({"replicas": 0}, True),
        ({"replicas": 0, "autoscaling": {"enabled": True}}, False),
        ({"replicas": 0, "keda": {"enabled": True, "minReplicas": 1}}, False),
        ({"keda": {"enabled": True}}, True),
    ],
)
def test_without_a_worker_a_job_makes_the_tables(worker: typing.Any, is_made: bool) -> None:
    pods = manifest.pod_specs(manifest.chart({"worker": worker}))
    assert ("Job vote-migration-1" in pods) is is_made


def test_without_a_worker_the_job_may_be_the_owner_of_the_schema() -> None:
    owner = {"migration": {"existingSecret": "owner"}, "worker": {"replicas": 0}}
    job = manifest.pod_specs(manifest.chart(owner))["Job vote-migration-1"]
    assert '"name": "owner"' in json.dumps(job)


def test_the_seed_and_the_test_wait_as_long_as_the_services() -> None:
    pods = manifest.pod_specs(manifest.chart({"waitTimeout": 700, "seed": {"enabled": True}}))
    (waiting,) = pods["Deployment vote"]["spec"]["initContainers"]
    assert waiting["args"][-2:] == ["--timeout", "700"]
    for name in ("Job vote-seed", "Pod vote-test"):
        assert "--timeout=700" in pods[name]["spec"]["containers"][0]["args"], name


@pytest.mark.parametrize("host", ["localhost", "a-b.example.com", "*.example.com", "1.example"])
def test_any_host_of_a_page_is_taken(host: str) -> None:
    ways = {
        "ingress": {"enabled": True, "host": host},
        "httpRoute": ROUTE | {"hostnames": [host]},
    }
    assert manifest.chart({"vote": ways})


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_numbers_for_names_are_given_by_set_string(helm: str) -> None:
    """As docs/kubernetes.md has it."""
    chart = (helm, "template", "vote", str(manifest.CHART), "--kube-version", manifest.NEWEST)
    poll = ("poll.title=2026", "poll.options={1,2}")
    given = [word for each in poll for word in ("--set-string", each)]
    config = manifest.parse(manifest.run(*chart, *given, "--show-only", "templates/configmap.yaml"))
    assert config[0]["data"]["POLL_TITLE"] == "2026"
    assert config[0]["data"]["OPTION_A"] == "1"


@pytest.mark.parametrize("host", ["10.0.0.7", "fd00::7", "::ffff:10.0.0.7", "db_1.example.com"])
def test_any_host_of_a_store_is_taken(host: str) -> None:
    values = {"tags": {"stores": False}, "externalDatabase": {"host": host}}
    assert manifest.chart({**values, "externalRedis": {"host": host}})


@pytest.mark.parametrize("name", manifest.CHARTS)
@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_a_large_number_is_written_as_it_was_given(name: str, helm: str) -> None:
    """Helm reads the numbers of a file as floats, and would write 3e+06."""
    values = copy.deepcopy(manifest.CHARTS[name])
    enlarge(values, schema.of(manifest.CHART))
    for store in schema.STORES:
        enlarge(values.setdefault(store, {}), schema.of(manifest.CHART / "charts" / store))
    for page in PAGES:  # more than its preStopSeconds
        values[page]["terminationGracePeriodSeconds"] = 2 * LARGE
    text = json.dumps(manifest.chart(values, helm=helm))
    assert str(LARGE) in text
    assert not re.findall(r'[^"]*\de\+\d\d[^"]*', text)


def enlarge(values: typing.Any, part: typing.Any) -> None:
    """Gives each number that the schema does not bound a large value."""
    for name, below in part.get("properties", {}).items():
        below = schema.resolved(below)
        if "integer" in below.get("type", "") and "maximum" not in below:
            values[name] = LARGE
        elif "properties" in below:
            enlarge(values.setdefault(name, {}), below)


@pytest.mark.parametrize("name", manifest.CHARTS)
@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_helm_has_nothing_to_say_about_good_values(
    name: str, helm: str, tmp_path: typing.Any
) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps(manifest.CHARTS[name]))
    said = manifest.run(helm, "lint", "--strict", str(manifest.CHART), "--values", str(file))
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "WARNING" not in said


def test_every_option_reaches_the_services() -> None:
    options = [f"Option {number}" for number in range(26)]
    (config,) = (
        each["data"]
        for each in manifest.chart({"poll": {"options": options}})
        if each["metadata"]["name"] == "vote-configmap"
    )
    given = [config[f"OPTION_{letter}"] for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    assert given == options


def images(values: dict[str, typing.Any]) -> set[str]:
    return {
        template["spec"]["containers"][0]["image"]
        for template in manifest.pod_specs(manifest.chart(values)).values()
    }


def test_images_from_elsewhere() -> None:
    digest = f"sha256:{'0' * 64}"
    values = {
        "global": {"imageRegistry": "registry.example.com/poll/"},
        "image": {"tag": "1.2.3"},
        "vote": {"image": {"digest": digest}},
        "worker": {"image": {"tag": "1.2.4"}},
        "redis": {"image": {"tag": "8.1"}},
    }
    assert images(values) == {
        f"registry.example.com/poll/voting-vote@{digest}",
        "registry.example.com/poll/voting-worker:1.2.4",
        "registry.example.com/poll/voting-result:1.2.3",
        "registry.example.com/poll/voting-seed:1.2.3",
        "registry.example.com/poll/valkey/valkey:8.1",
        "registry.example.com/poll/postgres:18",
    }


@pytest.mark.parametrize(
    "registry",
    [
        "localhost:5000",
        "127.0.0.1:5000/",
        "[fd00::7]:5000",
        "Registry.example.com",
        "ghcr.io/some-body/a_b/c",
        "",
    ],
)
def test_any_registry_is_taken(registry: str) -> None:
    own = {"image": {"registry": registry}}
    made = images({"vote": own, "redis": own, "seed": own})
    prefix = f"{registry.rstrip('/')}/" if registry else ""
    assert {f"{prefix}voting-vote:0.1.0", f"{prefix}valkey/valkey:8"} <= made


def test_a_repository_may_have_its_registry() -> None:
    own = {"image": {"repository": "registry.example.com:5000/team/vote"}}
    assert "registry.example.com:5000/team/vote:0.1.0" in images({"vote": own})


def test_a_release_of_another_name_is_a_system_of_its_own() -> None:
    def names(release: str) -> set[tuple[str, str]]:
        return {
            (each["kind"], each["metadata"]["name"]) for each in manifest.chart(release=release)
        }

    assert not names("vote") & names("other")
    (vote,) = (
        each
        for each in manifest.chart(release="other")
        if (each["kind"], each["metadata"]["name"]) == ("Service", "other-vote")
    )
    assert vote["spec"]["selector"]["app.kubernetes.io/instance"] == "other"


def test_stores_from_elsewhere_leave_nothing_of_the_bundled_ones() -> None:
    made = manifest.chart(manifest.EXTERNAL)
    assert not [each for each in made if each["kind"] == "StatefulSet"]
    text = json.dumps(made)
    assert "vote-redis:" not in text
    assert '"vote-db"' not in text
    worker = manifest.pod_specs(made)["Deployment vote-worker"]["spec"]["containers"][0]
    assert {
        "name": "REDIS_PASSWORD",
        "valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}},
    } in worker["env"]


def test_the_schema_knows_every_value() -> None:
    """What the schema has is in values.yaml; what it has not would be refused."""
    given = yaml.safe_load((manifest.CHART / "values.yaml").read_text())

    def walk(part: typing.Any, values: typing.Any, path: str) -> None:
        part = schema.resolved(part)
        assert (part.get("additionalProperties") is False) or "properties" not in part, path
        for name, below in part.get("properties", {}).items():
            assert isinstance(values, dict), path
            assert name in values, f"{path}/{name}"
            walk(below, values[name], f"{path}/{name}")

    for name, part in schema.of(manifest.CHART)["properties"].items():
        # Lists of subkeys of Kubernetes' own are not spelt out in values.yaml; global is Helm's.
        if name != "global":
            walk(part, given[name], name)


def test_what_the_operator_mounts_and_sets_reaches_every_container_of_the_services() -> None:
    volume = {"name": "ca", "configMap": {"name": "ca"}}
    mount = {"name": "ca", "mountPath": "/etc/ca", "readOnly": True}
    variable = {"name": "PGSSLROOTCERT", "value": "/etc/ca/ca.crt"}
    services = {name: {"extraEnv": [variable]} for name in ("vote", "worker", "result")}
    values = {"extraVolumes": [volume], "extraVolumeMounts": [mount], **services}
    values["migration"] = {"enabled": True}
    pods = manifest.pod_specs(manifest.chart(values))
    for name in (*(f"Deployment {each}" for each in DEPLOYED), "Job vote-migration-1"):
        spec = pods[name]["spec"]
        assert volume in spec["volumes"], name
        for container in (*spec["initContainers"], *spec["containers"]):
            assert mount in container["volumeMounts"], name
            assert variable in container["env"], name
