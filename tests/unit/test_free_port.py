"""The ports of the tests: below those that systems and clusters give, apart among processes."""

import pytest

from tests import service

NODE_PORTS = 30_000  # the first one of a cluster on this machine
WORKERS = [f"gw{number}" for number in range(service.MOST_WORKERS)]


@pytest.mark.parametrize("worker", [*WORKERS, "gw30", "gw1000"])
def test_each_process_has_ports_below_those_of_others(worker: str) -> None:
    first = service.first_port(worker)
    assert 1024 <= first < first + service.PORTS <= NODE_PORTS


def test_as_many_processes_as_there_are_by_default_share_none() -> None:
    firsts = [service.first_port(worker) for worker in WORKERS]
    assert sorted(firsts) == list(range(firsts[0], firsts[-1] + 1, service.PORTS))


def test_a_port_is_not_given_again() -> None:
    ports = {service.free_port() for _ in range(20)}
    assert len(ports) == 20
