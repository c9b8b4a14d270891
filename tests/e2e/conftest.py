"""Fixtures of the tests on a real engine and on a real cluster."""

from collections.abc import Callable

import pytest

MEASUREMENTS = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def measured(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Keeps a measurement for the end of the tests' output."""
    return request.config.stash.setdefault(MEASUREMENTS, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells what was measured."""
    for line in terminalreporter.config.stash.get(MEASUREMENTS, []):
        terminalreporter.write_line(f"measured: {line}")
