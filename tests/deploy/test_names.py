"""The names of the bundled stores: what the API server would refuse is refused before it."""

import typing

import pytest

from tests.deploy import manifest, schema

LONGEST = 52  # of a StatefulSet: a label of its pods has a hash of 11 characters besides


@pytest.mark.parametrize("name", ["a.b", "1ab", "x" * (LONGEST + 1)])
@pytest.mark.parametrize("store", schema.STORES)
def test_a_name_that_no_store_can_have_is_refused(store: str, name: str) -> None:
    told = f'{store}.fullnameOverride: "{name}" must have at most {LONGEST} small letters, digits'
    with pytest.raises(manifest.RenderError, match=told):
        manifest.chart({store: {"fullnameOverride": name}})


def test_a_name_made_of_the_releases_is_checked_too() -> None:
    told = 'redis.fullnameOverride: "1ab-redis" must have'
    with pytest.raises(manifest.RenderError, match=told):
        manifest.chart({"fullnameOverride": "poll"}, release="1ab")


@pytest.mark.parametrize(
    "name", ["vote", "vote-result", "vote-worker", "vote-worker-db", "vote-result-db"]
)
@pytest.mark.parametrize("store", schema.STORES)
def test_a_name_that_another_part_has_is_refused(store: str, name: str) -> None:
    told = f'{store}.fullnameOverride: "{name}" is what something else of this release is called'
    with pytest.raises(manifest.RenderError, match=told):
        manifest.chart({store: {"fullnameOverride": name}})


def test_one_name_for_both_stores_is_refused() -> None:
    values = {store: {"fullnameOverride": "same"} for store in schema.STORES}
    with pytest.raises(manifest.RenderError, match='"same" is what something else'):
        manifest.chart(values)


@pytest.mark.parametrize("name", ["a", "q-1", "true", "x" * LONGEST])
@pytest.mark.parametrize("store", schema.STORES)
def test_any_other_name_is_taken(store: str, name: str) -> None:
    made = manifest.chart({store: {"fullnameOverride": name}})
    assert {"Service", "StatefulSet"} <= kinds(made, name)
    assert len(made) == len({(each["kind"], each["metadata"]["name"]) for each in made})


def test_a_store_from_elsewhere_has_no_name_to_check() -> None:
    override: dict[str, typing.Any] = {"redis": {"fullnameOverride": "vote"}}
    assert not kinds(manifest.chart(manifest.EXTERNAL | override), "vote") & {"StatefulSet"}


def kinds(resources: list[manifest.Resource], name: str) -> set[str]:
    return {each["kind"] for each in resources if each["metadata"]["name"] == name}
