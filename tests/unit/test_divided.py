"""Among how many processes the tests are divided."""

import pytest

from tests import service

SET = "PYTEST_XDIST_AUTO_NUM_WORKERS"


def workers(config: pytest.Config) -> int:
    """What `-n auto` means."""
    if not config.pluginmanager.hasplugin("xdist"):
        pytest.skip("without the plugin that divides them")
    return int(config.hook.pytest_xdist_auto_num_workers(config=config))


def test_several_up_to_a_limit(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SET, raising=False)
    assert 1 < workers(pytestconfig) <= service.MOST_WORKERS


def test_as_many_as_the_plugin_is_told(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SET, "19")
    assert workers(pytestconfig) == 19
