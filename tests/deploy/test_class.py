"""The tools of a class: load and autoscaling."""

from typing import Any

import pytest

from seed.options import parse
from tests.deploy import manifest


def of_kind(kind: str, source: str) -> list[Any]:
    return [each for each in manifest.source(source) if each["kind"] == kind]


def test_the_seed_job_accepts_the_arguments_of_the_load() -> None:
    folder = str(manifest.KUSTOMIZE / "components" / "load")
    made = manifest.parse(manifest.run("kubectl", "kustomize", folder))
    (job,) = manifest.pods(made).values()
    options = parse(job["spec"]["containers"][0]["args"])
    assert (options.rate, options.votes, options.url) == (50, 50 * 120, "http://vote:5000")


def test_the_seed_job_of_the_chart_accepts_more_options() -> None:
    more = {"seed": {"enabled": True, "votes": 200, "extraArgs": ["--exact", "--rate=20"]}}
    (job,) = (each for each in manifest.chart(more) if each["kind"] == "Job")
    options = parse(job["spec"]["template"]["spec"]["containers"][0]["args"])
    assert (options.votes, options.rate, options.exact) == (200, 20, True)
    assert options.verify == "http://vote-result:5001"


@pytest.mark.parametrize("source", manifest.SOURCES)
def test_what_an_autoscaler_scales_has_no_number_of_pods(source: str) -> None:
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for kind in ("HorizontalPodAutoscaler", "ScaledObject")
        for each in of_kind(kind, source)
    }
    fixed = {
        each["metadata"]["name"]
        for each in of_kind("Deployment", source)
        if "replicas" in each["spec"]
    }
    assert not scaled & fixed
