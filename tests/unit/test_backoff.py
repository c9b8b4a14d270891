import pytest

from common import backoff

SAMPLES = 200


@pytest.mark.parametrize("failures", [1, 2, 3, 4, 6, 7, 20, 10**9])
def test_delay_is_between_half_and_all_of_the_step(failures: int) -> None:
    step = min(backoff.CAP, backoff.BASE * 2.0 ** min(failures - 1, 50))
    delays = [backoff.delay(failures) for _ in range(SAMPLES)]
    assert step / 2 <= min(delays)
    assert max(delays) <= step


def test_delays_are_spread() -> None:
    delays = [backoff.delay(10) for _ in range(SAMPLES)]
    assert max(delays) - min(delays) > backoff.CAP / 4
