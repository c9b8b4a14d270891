"""The schema of the chart's values, and of its subcharts'."""

import json
import pathlib
import typing

from tests.deploy import manifest

STORES = ("redis", "postgresql")


def of(chart: pathlib.Path) -> typing.Any:
    return json.loads((chart / "values.schema.json").read_text())


def resolved(part: typing.Any) -> typing.Any:
    """The part of the schema itself where it only refers to a definition."""
    if "$ref" not in part:
        return part
    # A subchart's definitions are among the chart's.
    return of(manifest.CHART)["definitions"][part["$ref"].rpartition("/")[2]]
