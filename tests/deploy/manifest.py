"""Renders the manifests as a person would, without a cluster: by kubectl and by Helm."""

import functools
import json
import pathlib
import shutil
import subprocess
import tempfile
import typing

import pytest
import yaml

ROOT = pathlib.Path(__file__).parents[2]
CHART = ROOT / "chart"
KUSTOMIZE = ROOT / "kustomize"
COMPONENTS = sorted(path.name for path in (KUSTOMIZE / "components").iterdir())
OVERLAYS = sorted(path.name for path in (KUSTOMIZE / "overlays").iterdir())
NEWEST = "1.34.0"  # Kubernetes, for which the chart is rendered where no cluster says its version
TIMEOUT = 60  # seconds for one rendering

Resource = dict[str, typing.Any]


class RenderError(Exception):
    """It could not be rendered; the text is what the program said."""


def run(*command: str) -> str:
    """The standard output of a program. Raises `RenderError`; skips the test without it."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    if ended.returncode:
        raise RenderError(ended.stderr + ended.stdout)
    return ended.stdout


def parse(text: str) -> list[Resource]:
    return [resource for resource in yaml.safe_load_all(text) if resource]


@functools.cache
def overlay(name: str) -> list[Resource]:
    """What `kubectl kustomize` makes of an overlay, its example credentials filled in."""
    with tempfile.TemporaryDirectory() as folder:
        return parse(render(copy(pathlib.Path(folder)) / "overlays" / name))


@functools.cache
def composed(*components: str, namespace: str = "vote") -> list[Resource]:
    """Base with these components, as in an overlay of one's own."""
    with tempfile.TemporaryDirectory() as folder:
        own = copy(pathlib.Path(folder)) / "overlays" / "own"
        own.mkdir()
        chosen = {
            "namespace": namespace,
            "resources": ["../../base"],
            "components": [f"../../components/{name}" for name in components],
        }
        (own / "kustomization.yaml").write_text(yaml.safe_dump(chosen))
        return parse(render(own))


def render(folder: pathlib.Path) -> str:
    try:
        return run("kubectl", "kustomize", "--enable-helm", str(folder))
    except RenderError as error:
        if "helm" in str(error) and shutil.which("helm") is None:
            pytest.skip("helm is not installed")
        raise


def copy(folder: pathlib.Path) -> pathlib.Path:
    """A copy of kustomize/ in `folder`, with each FILE.example as FILE. chart/ is beside it."""
    kustomize = folder / "kustomize"
    shutil.copytree(KUSTOMIZE, kustomize)
    shutil.copytree(CHART, folder / "chart")
    for example in kustomize.rglob("*.example"):
        shutil.copy(example, example.with_suffix(""))
    return kustomize


def chart(
    values: typing.Any = None, release: str = "vote", helm: str = "helm", namespace: str = "vote"
) -> list[Resource]:
    """What Helm makes of the chart with these values. Raises `RenderError`."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(values or {}, file)
        file.flush()
        return parse(
            run(
                *(helm, "template", release, str(CHART), "--namespace", namespace),
                *("--kube-version", NEWEST, "--values", file.name),
            )
        )


def pod_specs(resources: list[Resource]) -> dict[str, typing.Any]:
    """The pod template (or the pod) of each resource that has one, by kind and name."""
    return {
        f"{each['kind']} {each['metadata']['name']}": each["spec"].get("template", each)
        for each in resources
        if "template" in each.get("spec", {}) or each["kind"] == "Pod"
    }


# All that the chart can make at once, as far as nothing excludes something else.
FULL: dict[str, typing.Any] = {
    "poll": {"options": ["Tea", "Coffee", "Water"], "title": "What?"},
    "vote": {
        "resultUrl": "https://result.example.com/",
        "service": {"type": "NodePort", "nodePort": 31200},
        "ingress": {"enabled": True, "host": "vote.example.com", "tlsSecret": "vote-tls"},
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "gateway"}]},
        "autoscaling": {"enabled": True},
        "pdb": {"enabled": True},
        "topologySpreadConstraints": [
            {
                "topologyKey": "kubernetes.io/hostname",
                "maxSkew": 1,
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
        "extraEnv": [{"name": "LOG_LEVEL", "value": "debug"}],
    },
    "result": {
        "service": {"type": "LoadBalancer"},
        "ingress": {"enabled": True, "host": "result.example.com"},
        "httpRoute": {
            "enabled": True,
            "parentRefs": [{"name": "gateway"}],
            "hostnames": ["result.example.com"],
        },
        "autoscaling": {"enabled": True},
        "pdb": {"enabled": True},
        "voteUrl": "https://vote.example.com/",
    },
    "worker": {"keda": {"enabled": True}, "pdb": {"enabled": True}},
    "migration": {"enabled": True},
    "seed": {"enabled": True},
    "serviceAccount": {"create": True},
    "networkPolicy": {"monitoringNamespace": "monitoring"},
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "rules": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}
EXTERNAL: dict[str, typing.Any] = {
    "tags": {"stores": False},
    "externalDatabase": {"host": "postgres.example.com", "password": "secret"},
    "externalRedis": {"host": "redis.example.com", "existingSecret": "redis"},
    "migration": {"enabled": True},
    "worker": {"autoscaling": {"enabled": True}},
}
CHARTS: dict[str, typing.Any] = {"default": {}, "full": FULL, "external": EXTERNAL}
SOURCES = [
    *(f"overlays/{name}" for name in OVERLAYS),
    *("components", "components migration", "k8s"),
    *(f"chart {name}" for name in CHARTS),
]


@functools.cache
def source(name: str) -> list[Resource]:
    """What comes from one of SOURCES."""
    if name == "k8s":
        return [each for path in (ROOT / name).glob("*.yaml") for each in parse(path.read_text())]
    if name == "components":
        # keda brings migration, and without-stores takes things away.
        return composed(
            *(each for each in COMPONENTS if each not in ("migration", "without-stores"))
        )
    if name == "components migration":
        return composed("migration", "credentials")
    kind, _, which = name.replace("/", " ").partition(" ")
    return overlay(which) if kind == "overlays" else chart(CHARTS[which])


def everything() -> dict[str, list[Resource]]:
    """All that is rendered from this repository, by where it comes from."""
    return {name: source(name) for name in SOURCES}
