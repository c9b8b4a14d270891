import datetime

import pytest

from common import clock


def test_the_units() -> None:
    seconds = datetime.datetime.now(datetime.UTC).timestamp()
    assert clock.milliseconds() == pytest.approx(seconds * 1e3, abs=60e3)
    assert clock.microseconds() == pytest.approx(seconds * 1e6, abs=60e6)
