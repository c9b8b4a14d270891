"""Render the manifests as a person would, without a cluster: with kubectl and with Helm."""

import functools
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "chart"
KUSTOMIZE = ROOT / "kustomize"
OVERLAYS = sorted(path.name for path in (KUSTOMIZE / "overlays").iterdir())
COMPONENTS = sorted(path.name for path in (KUSTOMIZE / "components").iterdir())
# Instead of seed, and instead of stores in the overlay ha.
ALONE = {"load", "stores-ha"}
KUBERNETES = "1.34.0"  # the version for which Helm renders
TIMEOUT = 60  # seconds for one rendering

Resource = dict[str, Any]


class RenderError(Exception):
    """A program could not render the manifests. The text is what it printed."""


def run(*command: str) -> str:
    """The standard output of a program; skips the test if it is not installed."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if ended.returncode:
        raise RenderError(ended.stderr + ended.stdout)
    return ended.stdout


def parse(text: str) -> list[Resource]:
    return [resource for resource in yaml.safe_load_all(text) if resource]


def copy(folder: Path) -> Path:
    """A copy of kustomize/ in `folder`, with all that a person has to add; chart/ is next to it."""
    kustomize = folder / "kustomize"
    shutil.copytree(KUSTOMIZE, kustomize)
    shutil.copytree(CHART, folder / "chart")
    for example in kustomize.rglob("*.example"):
        shutil.copy(example, example.with_suffix(""))
    shutil.copy(CHART / "files" / "dashboard.json", kustomize / "components" / "monitoring")
    return kustomize


def render(folder: Path) -> list[Resource]:
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed")
    return parse(run("kubectl", "kustomize", "--enable-helm", str(folder)))


@functools.cache
def overlay(name: str) -> list[Resource]:
    with tempfile.TemporaryDirectory() as folder:
        return render(copy(Path(folder)) / "overlays" / name)


@functools.cache
def components() -> list[Resource]:
    """The base with all components that an overlay can have together."""
    with tempfile.TemporaryDirectory() as folder:
        own = copy(Path(folder)) / "overlays" / "own"
        own.mkdir()
        chosen = [f"../../components/{name}" for name in COMPONENTS if name not in ALONE]
        kustomization = {"namespace": "own", "resources": ["../../base"], "components": chosen}
        (own / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        return render(own)


def chart(values: Any = None, helm: str = "helm", release: str = "vote") -> list[Resource]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values or {}, file)
        file.flush()
        command = (helm, "template", release, str(CHART), "--namespace", "own")
        return parse(run(*command, "--kube-version", KUBERNETES, "--values", file.name))


def pods(resources: list[Resource]) -> dict[str, Any]:
    """The pod template (or the pod) of each resource that has one, by kind and name."""
    found = {}
    for each in resources:
        spec = each.get("spec", {})
        spec = spec.get("jobTemplate", {"spec": spec})["spec"]
        if "template" in spec or each["kind"] == "Pod":
            found[f"{each['kind']} {each['metadata']['name']}"] = spec.get("template", each)
    return found


def environment(resources: list[Resource], name: str) -> dict[str, str]:
    """The variables that the container of a pod gets from config maps and from its template."""
    maps = {each["metadata"]["name"]: each for each in resources if each["kind"] == "ConfigMap"}
    (container,) = pods(resources)[name]["spec"]["containers"]
    found: dict[str, str] = {}
    for each in container["envFrom"]:
        if "configMapRef" in each:
            found |= maps[each["configMapRef"]["name"]]["data"]
    return found | {each["name"]: each.get("value") for each in container.get("env", [])}


def containers(template: Any) -> list[Any]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


# Everything that the chart can create at once.
FULL: dict[str, Any] = {
    "vote": {
        "resultUrl": "https://result.example.com/",
        "service": {"type": "NodePort", "nodePort": 31200},
        "ingress": {"enabled": True, "tls": [{"secretName": "t", "hosts": ["vote.example.com"]}]},
    },
    "result": {"service": {"type": "LoadBalancer"}, "voteUrl": "https://vote.example.com/"},
    "worker": {"keda": {"enabled": True}, "podDisruptionBudget": {"enabled": True}},
    "migration": {"enabled": True},
    "seed": {"enabled": True},
    "faults": {"enabled": True},
    "serviceAccount": {"create": True},
    "networkPolicy": {"monitoringNamespace": "monitoring"},
    "monitoring": {name: {"enabled": True} for name in ("podMonitor", "rules", "dashboard")},
}
for page in ("vote", "result"):
    for name in ("ingress", "httpRoute", "autoscaling", "podDisruptionBudget"):
        FULL[page].setdefault(name, {})["enabled"] = True
EXTERNAL: dict[str, Any] = {
    "tags": {"stores": False},
    "externalDatabase": {"host": "postgres.example.com", "existingSecret": "stores"},
    "externalRedis": {"host": "redis.example.com", "existingSecret": "stores"},
    "migration": {"enabled": True},
}
SENTINELS = ["redis-0.example.com:26379", "redis-1.example.com:26380"]
REPLICATED: dict[str, Any] = {
    **EXTERNAL,
    "externalRedis": {
        "sentinels": SENTINELS,
        "replicas": 1,
        "existingSecret": "stores",
        "existingSecretSentinelKey": "sentinel-password",
    },
    "worker": {"keda": {"enabled": True}},
}
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
CHARTS = {
    "default": {},
    "full": FULL,
    "external": EXTERNAL,
    "replicated": REPLICATED,
    **{path.stem: yaml.safe_load(path.read_text()) for path in EXAMPLES},
}
SOURCES = [
    *(f"overlays {name}" for name in OVERLAYS),
    *(f"chart {name}" for name in CHARTS),
    "components",
    "k8s",
]


@functools.cache
def source(name: str) -> list[Resource]:
    """The resources of one of SOURCES."""
    if name == "components":
        return components()
    if name == "k8s":
        return [each for path in (ROOT / name).glob("*.yaml") for each in parse(path.read_text())]
    kind, _, which = name.partition(" ")
    return overlay(which) if kind == "overlays" else chart(CHARTS[which])


def cloud_gateway() -> Resource:
    """The Gateway that docs/cloud.md shows."""
    page = (ROOT / "docs" / "cloud.md").read_text()
    blocks = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (gateway,) = (
        each for block in blocks for each in parse(block) if each.get("kind") == "Gateway"
    )
    return gateway
