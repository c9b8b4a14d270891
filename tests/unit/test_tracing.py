"""Without a collector, traces cost nothing: what records and sends them is not even imported."""

import subprocess
import sys

import pytest

from tests import service

PROGRAM = """
import sys
from {service}.app import create_app
from {service}.settings import Settings
create_app(Settings(redis_host="localhost", db_host="localhost"))
print(*sys.modules)
"""
# FastAPI imports OpenTelemetry's API, and redis-py the metrics of its SDK.
TRACES = {"common.spans", "opentelemetry.sdk.trace", "opentelemetry.exporter", "google.protobuf"}


@pytest.mark.parametrize("name", ["vote", "worker", "result"])
def test_nothing_for_traces_is_imported(name: str) -> None:
    program = PROGRAM.format(service=name)
    output = subprocess.check_output([sys.executable, "-c", program], cwd=service.ROOT, text=True)
    assert not TRACES & set(output.split())
