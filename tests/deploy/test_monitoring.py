"""Alerts and dashboard name only what the services really export."""

import json
import pathlib
import re
import shutil
import typing

import prometheus_client
import pytest
import yaml

import result.metric
import vote.metric
import worker.metric
from common import dependency
from tests.deploy import manifest

MONITORING = manifest.KUSTOMIZE / "components" / "monitoring"
SCENES = pathlib.Path(__file__).with_name("alerts.yaml")
OF_PROMETHEUS = {"up"}  # what Prometheus itself says about each target
LABELS = {"namespace", "pod", "job", "le"}  # what the operator or Prometheus adds
# What is no metric in PromQL: functions, operators, and what Grafana fills in.
WORDS = {"by", "on", "unless", "and", "or", "sum", "max", "min", "rate", "increase"} | {
    "histogram_quantile",
}


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Each series that the services export, with its labels."""
    registries = [
        vote.metric.Metrics(frozenset("ab")).registry,
        worker.metric.Metrics().registry,
        result.metric.Metrics().registry,
    ]
    for registry in registries:
        dependency.Dependency("redis", "redis:6379", registry)
    found: dict[str, set[str]] = {}
    for registry in registries:
        # Those that have no value yet say their labels too.
        for metric in registry.collect():
            labels = set(known_labels(registry, metric.name))
            for name in series(metric):
                found.setdefault(name, set()).update(labels)
    return found


def series(metric: prometheus_client.Metric) -> list[str]:
    ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    return [f"{metric.name}{end}" for end in ends.get(metric.type, [""])]


def known_labels(registry: typing.Any, name: str) -> tuple[str, ...]:
    for collector in registry._collector_to_names:
        if getattr(collector, "_name", None) == name:
            return tuple(collector._labelnames)
    return ()


def rules() -> list[dict[str, typing.Any]]:
    text = (manifest.CHART / "files" / "rules.yaml").read_text()
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def queries() -> dict[str, str]:
    """Each query of the dashboard and of the alerts, by where it stands."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    found = {
        f"panel {panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel["targets"]
    }
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            inner = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert inner
            found[f"variable {variable['name']}"] = f"sum by ({inner[2]}) ({inner[1]})"
    return found | {f"alert {rule['alert']}": rule["expr"] for rule in rules()}


def used(query: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels in a query."""
    labels = set(re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', query))
    for listed in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", query):
        labels |= {name.strip() for name in listed.split(",")}
    bare = re.sub(r'"[^"]*"|\{[^}]*\}|\[[^]]*\]|\b(?:by|on)\s*\([^)]*\)', " ", query)
    return set(re.findall(r"[a-zA-Z_]\w*", bare)) - WORDS, labels


@pytest.mark.parametrize("where", queries())
def test_a_query_names_what_is_exported(where: str, exported: dict[str, set[str]]) -> None:
    metrics, labels = used(queries()[where])
    assert metrics
    assert metrics <= exported.keys() | OF_PROMETHEUS
    own = set().union(*(exported.get(name, set()) for name in metrics))
    assert labels <= own | LABELS


def test_an_alert_says_what_to_do() -> None:
    for rule in rules():
        assert set(rule["annotations"]) == {"summary", "description"}
        assert rule["labels"]["severity"] in ("warning", "critical")


def test_every_metric_of_the_services_is_on_the_dashboard(exported: dict[str, set[str]]) -> None:
    shown = set().union(*(used(query)[0] for query in queries().values()))
    own = {name for name in exported if name.startswith(("vote_", "worker_", "result_"))}
    families = {re.sub("_(bucket|sum|count)$", "", name) for name in own}
    assert families <= {re.sub("_(bucket|sum|count)$", "", name) for name in shown}


def test_promtool_takes_the_rules() -> None:
    said = manifest.run("promtool", "check", "rules", str(manifest.CHART / "files" / "rules.yaml"))
    assert f"SUCCESS: {len(rules())} rules found" in said


def test_each_alert_goes_off_when_it_should_and_only_then(tmp_path: pathlib.Path) -> None:
    for file in (manifest.CHART / "files" / "rules.yaml", SCENES):
        shutil.copy(file, tmp_path)
    manifest.run("promtool", "test", "rules", str(tmp_path / SCENES.name))
    scenes = yaml.safe_load(SCENES.read_text())["tests"]
    set_off = {
        check["alertname"]
        for scene in scenes
        for check in scene["alert_rule_test"]
        if check.get("exp_alerts")
    }
    assert set_off == {rule["alert"] for rule in rules()}
