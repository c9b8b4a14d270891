"""The chart's values that are null: refused by their names, or as good as left out."""

import pathlib
import re
import typing

import pytest
import yaml

from tests.deploy import manifest, schema


def sections(part: typing.Any, *above: str) -> typing.Iterator[tuple[str, ...]]:
    """The path of each object in the schema that has values of its own, but those of Kubernetes."""
    for name, below in part.get("properties", {}).items():
        if "properties" in schema.resolved(below) and name != "resources":
            yield (*above, name)
            yield from sections(schema.resolved(below), *above, name)


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_a_section_that_is_null_is_refused_by_its_name(helm: str) -> None:
    paths = list(sections(schema.of(manifest.CHART)))
    assert ("vote", "service") in paths
    for path in paths:
        values: typing.Any = None
        for name in reversed(path):
            values = {name: values}
        with pytest.raises(manifest.RenderError, match=f"missing property '{path[-1]}'"):
            manifest.chart(values, helm=helm)


@pytest.mark.parametrize("section", ["image", "auth", "persistence"])
@pytest.mark.parametrize("store", schema.STORES)
def test_a_section_of_a_store_that_is_null_is_refused(store: str, section: str) -> None:
    with pytest.raises(manifest.RenderError, match=f"missing property '{section}'"):
        manifest.chart({store: {section: None}})


def leaves(chart: pathlib.Path) -> typing.Iterator[tuple[tuple[str, ...], typing.Any]]:
    """The path of each value of a chart, and its default; labels and the like are one value."""
    given = yaml.safe_load((chart / "values.yaml").read_text())

    def walk(
        part: typing.Any, values: typing.Any, *above: str
    ) -> typing.Iterator[tuple[tuple[str, ...], typing.Any]]:
        for name, below in part.get("properties", {}).items():
            if name not in values or name in (*schema.STORES, "global", "createSecret"):
                continue  # they have a schema, or tests, of their own
            if "properties" in schema.resolved(below) and name != "resources":
                yield from walk(schema.resolved(below), values[name], *above, name)
            else:
                yield (*above, name), values[name]

    return walk(schema.of(chart), given)


def nulls(paths: typing.Iterable[tuple[str, ...]]) -> dict[str, typing.Any]:
    """Values that are null at all these paths."""
    values: dict[str, typing.Any] = {}
    for *above, name in paths:
        below = values
        for section in above:
            below = below.setdefault(section, {})
        below[name] = None
    return values


@pytest.mark.parametrize("helm", ["helm", "helm4"])
@pytest.mark.parametrize("store", ["", *schema.STORES])
def test_a_value_that_must_be_there_is_not_null(store: str, helm: str) -> None:
    chart = manifest.CHART / "charts" / store if store else manifest.CHART
    paths = [path for path, default in leaves(chart) if default and not isinstance(default, dict)]
    paths = [path for path in paths if path != ("maxmemory",)]
    assert ("image", "repository") in {path[-2:] for path in paths}
    values = nulls(paths)
    with pytest.raises(manifest.RenderError) as refused:
        manifest.chart({store: values} if store else values, helm=helm)
    for *above, name in paths:
        line = rf"at '/{'/'.join(above)}': missing propert(y|ies) .*'{name}'"
        assert re.search(line.replace("at '/':", "at '':"), str(refused.value)), (*above, name)


@pytest.mark.parametrize("name", manifest.CHARTS)
@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_what_is_empty_by_default_may_be_null(name: str, helm: str) -> None:
    roles = ("postgres", "worker", "result")
    passwords = {  # not random ones
        "redis": {"auth": {"password": "one"}},
        "postgresql": {"auth": {f"{role}Password": "two" for role in roles}},
    }
    given = merged(passwords, manifest.CHARTS[name])
    values = nulls(path for path, default in leaves(manifest.CHART) if not default)
    for store in schema.STORES:
        own = leaves(manifest.CHART / "charts" / store)
        values[store] = nulls(path for path, default in own if not default)
    assert made(merged(values, given), helm) == made(given, helm)


def merged(values: typing.Any, over: typing.Any) -> typing.Any:
    if not (isinstance(values, dict) and isinstance(over, dict)):
        return over
    both = {name: merged(values[name], over[name]) for name in values.keys() & over.keys()}
    return values | over | both


def made(values: dict[str, typing.Any], helm: str) -> list[manifest.Resource]:
    """What Helm makes, without the checksums of the values themselves."""
    resources = manifest.chart(values, helm=helm)
    for template in manifest.pod_specs(resources).values():
        template["metadata"].get("annotations", {}).pop("checksum/settings", None)
    return resources


@pytest.mark.parametrize("helm", ["helm", "helm4"])
def test_what_a_pod_can_be_without_may_be_null(helm: str) -> None:
    page = {"resources": None, "nodeSelector": None, "service": {"nodePort": None}}
    store = {"resources": None, "podSecurityContext": None}
    values = {"vote": page, "redis": store | {"maxmemory": None}, "podSecurityContext": None}
    assert manifest.chart(values, helm=helm)
