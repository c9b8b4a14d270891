"""compose.observability.yaml: a vote in Jaeger, the dashboard and the alerts in Prometheus."""

import json
import re
import secrets
import urllib.parse
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import until
from tests.e2e.compose.project import Project, checkout, free_port, request

pytestmark = pytest.mark.timeout(300)
CHART = Path("chart") / "files"
WITHIN = 60.0  # seconds; Prometheus asks every five


class Observed(Project):
    """A system with Jaeger and Prometheus. Grafana is left out: nothing here looks at its pages."""

    def start(self, ports: dict[str, str]) -> None:
        self.ports = ports
        self.up("nginx", "worker", "jaeger", "prometheus")

    def get(self, tool: str, path: str, **parameters: str) -> Any:
        """Return the answer of a tool's API."""
        query = urllib.parse.urlencode(parameters)
        url = f"http://127.0.0.1:{self.ports[f'{tool}_PORT']}{path}?{query}"
        status, text = request(url)
        return json.loads(text) if status == 200 else {"status": status, "error": text}

    def series(self, expression: str) -> list[Any]:
        """Return the series of an expression in Prometheus."""
        answer = self.get("PROMETHEUS", "/api/v1/query", query=expression)
        assert answer["status"] == "success", (expression, answer)
        found: list[Any] = answer["data"]["result"]
        return found

    def vote(self, **headers: str) -> int:
        headers["Content-Type"] = "application/json"
        return request(f"{self.vote_url}/api/votes", b'{"vote": "a"}', **headers)[0]


@pytest.fixture(scope="module")
def observed(images: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    project = Observed(checkout(tmp_path_factory.mktemp("observed")))
    ports = {f"{tool}_PORT": str(free_port()) for tool in ("JAEGER", "PROMETHEUS")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPOSE_FILE", "compose.yaml:compose.observability.yaml")
        for name, value in ports.items():
            patch.setenv(name, value)
        try:
            project.start(ports)
            yield project
        finally:
            project.down()


async def test_one_vote_is_one_trace(observed: Observed) -> None:
    trace = secrets.token_hex(16)
    assert observed.vote(traceparent=f"00-{trace}-{secrets.token_hex(8)}-01") == 202
    spans: list[Any] = []
    services: dict[str, str] = {}

    def is_complete() -> bool:
        answer = observed.get("JAEGER", f"/api/traces/{trace}")
        if answer.get("data"):
            spans[:] = answer["data"][0]["spans"]
            services.update(
                {key: each["serviceName"] for key, each in answer["data"][0]["processes"].items()}
            )
        return len(spans) == 3

    await until.true(is_complete, WITHIN, lambda: spans)
    chain = [spans.pop(next(i for i, each in enumerate(spans) if is_root(each, spans)))]
    while spans:
        chain.append(next(each for each in spans if parent(each) == chain[-1]["spanID"]))
        spans.remove(chain[-1])
    assert [(services[span["processID"]], span["operationName"]) for span in chain] == [
        ("vote", "POST /api/votes"),
        ("vote", "send votes"),
        ("worker", "commit votes"),
    ]


def parent(span: Any) -> str | None:
    return next(
        (each["spanID"] for each in span["references"] if each["refType"] == "CHILD_OF"), None
    )


def is_root(span: Any, spans: list[Any]) -> bool:
    return parent(span) not in {each["spanID"] for each in spans}


async def test_each_query_of_the_dashboard_returns_data(observed: Observed) -> None:
    dashboard = json.loads((observed.folder / CHART / "dashboard.json").read_text())
    queries = [each["expr"] for panel in dashboard["panels"] for each in panel["targets"]]
    assert queries
    for query in queries:
        expression = query.replace("$namespace", "compose").replace("$__rate_interval", "1m")
        assert "$" not in expression

        def has_data(expression: str = expression) -> bool:
            assert observed.vote() == 202
            values = [series["value"][1] for series in observed.series(expression)]
            return bool(values) and "NaN" not in values

        await until.true(has_data, WITHIN, expression)


def has_series(observed: Observed, expression: str) -> bool:
    return bool(observed.series(expression))


async def test_each_alert_can_be_evaluated(observed: Observed) -> None:
    rules = yaml.safe_load((observed.folder / CHART / "rules.yaml").read_text())["groups"][0][
        "rules"
    ]

    def evaluated() -> dict[str, str]:
        groups = observed.get("PROMETHEUS", "/api/v1/rules")["data"]["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    expected = {rule["alert"]: "ok" for rule in rules}
    await until.true(lambda: evaluated() == expected, WITHIN, evaluated)
    for rule in rules:
        metrics = re.findall(r"\b(?:up|\w+_(?:up|total|bucket|length))\b(?=[{\[)])", rule["expr"])
        assert metrics, rule["expr"]
        for metric in metrics:
            await until.true(partial(has_series, observed, metric), WITHIN, metric)


async def test_the_first_dead_letter_raises_an_alert(observed: Observed) -> None:
    def firing() -> list[str]:
        return [alert["metric"]["reason"] for alert in observed.series(alerts)]

    alerts = 'ALERTS{alertname="DeadLetters", alertstate="firing"}'
    await until.true(lambda: bool(observed.series("worker_ballots_dead_total")), WITHIN)
    assert firing() == []
    observed.redis("RPUSH", "votes", "no ballot")
    await until.true(lambda: firing() == ["malformed"], WITHIN, firing)


async def test_every_replica_is_scraped(observed: Observed) -> None:
    def targets() -> int:
        return len(observed.series('up{job="vote"} == 1'))

    await until.true(lambda: targets() == 1, WITHIN)
    observed.up("--no-recreate", "--scale", "vote=2", "vote")
    await until.true(lambda: targets() == 2, WITHIN)
