"""Alerts and dashboard use only metrics that the services export."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

import result.metrics
import vote.metrics
import worker.metrics
from common import health
from tests.deploy import manifest

RULES = manifest.CHART / "files" / "rules.yaml"
DASHBOARD = manifest.CHART / "files" / "dashboard.json"
SCENES = Path(__file__).with_name("alerts.yaml")
SUFFIX = re.compile(r"_(total|bucket|sum|count)$")


@pytest.fixture(scope="module")
def exported() -> set[str]:
    """The names of all metrics of the services."""
    registries = [
        vote.metrics.Metrics(list("ab")).registry,
        worker.metrics.Metrics().registry,
        result.metrics.Metrics().registry,
    ]
    for registry in registries:
        health.routes([], registry, ready_when_degraded=True)
    return {family.name for registry in registries for family in registry.collect()}


def rules() -> list[Any]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    dashboard = json.loads(DASHBOARD.read_text())
    shown = [each["expr"] for panel in dashboard["panels"] for each in panel["targets"]]
    return shown + [rule["expr"] for rule in rules()]


def used() -> set[str]:
    names = set(re.findall(r"\b(?:vote|worker|result|dependency|process)_\w+", " ".join(queries())))
    return {SUFFIX.sub("", name) for name in names}


def test_queries_use_exported_metrics(exported: set[str]) -> None:
    assert used() <= exported


def test_the_dashboard_shows_every_metric_of_the_services(exported: set[str]) -> None:
    own = {name for name in exported if name.startswith(("vote_", "worker_", "result_"))}
    assert own
    assert own <= used()


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    for file in (RULES, SCENES):
        shutil.copy(file, tmp_path)
    manifest.run("promtool", "test", "rules", str(tmp_path / SCENES.name))
    checks = [
        each
        for scene in yaml.safe_load(SCENES.read_text())["tests"]
        for each in scene["alert_rule_test"]
    ]
    fired = {each["alertname"] for each in checks if each.get("exp_alerts")}
    assert fired == {rule["alert"] for rule in rules()}
