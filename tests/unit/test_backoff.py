from itertools import islice

import pytest

from common.backoff import CAP, FIRST, delays

SAMPLES = 200


@pytest.mark.parametrize(
    ("failures", "step"), [(1, FIRST), (2, 2 * FIRST), (3, 4 * FIRST), (7, CAP), (1_000, CAP)]
)
def test_a_delay_is_between_half_and_all_of_the_step(failures: int, step: float) -> None:
    found = [next(islice(delays(), failures - 1, None)) for _ in range(SAMPLES)]
    assert step / 2 <= min(found)
    assert max(found) <= step


def test_delays_are_spread() -> None:
    found = list(islice(delays(), 10, 10 + SAMPLES))
    assert max(found) - min(found) > CAP / 4


def test_a_delay_is_never_longer_than_the_cap() -> None:
    assert max(islice(delays(0.5), SAMPLES)) <= 0.5
