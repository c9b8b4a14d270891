"""Which replicas `result` remembers."""

from common.clock import milliseconds
from common.replica import Heartbeat
from result.replicas import RESTART, Replica, Replicas
from tests import until

ONE, TWO = (Heartbeat(service="vote", name=name) for name in ("v1", "v2"))


async def test_a_replica_that_has_gone_is_forgotten_after_a_while() -> None:
    replicas = Replicas(forgotten=100)
    replicas.note([ONE, TWO], is_certain=True)
    replicas.note([TWO], is_certain=True)
    gone_since = replicas.known["vote", "v1"].gone_since
    assert gone_since
    replicas.note([TWO], is_certain=True)
    assert replicas.known["vote", "v1"] == (ONE, gone_since)

    def is_forgotten() -> bool:
        replicas.note([TWO], is_certain=True)
        return ("vote", "v1") not in replicas.known

    await until.true(is_forgotten)
    assert replicas.known == {("vote", "v2"): (TWO, None)}


def test_a_service_is_missed_after_the_time_that_a_restart_takes() -> None:
    replicas = Replicas()
    replicas.note([Heartbeat(service="result", name="r1")], is_certain=True)
    assert replicas.is_available("vote") is None
    replicas.note([ONE], is_certain=True)
    assert replicas.is_available("vote") is True
    replicas.note([], is_certain=True)
    assert replicas.is_available("vote") is True
    replicas.known["vote", "v1"] = Replica(ONE, milliseconds() - RESTART)
    assert replicas.is_available("vote") is False


def test_a_replica_that_comes_back_lives() -> None:
    replicas = Replicas()
    replicas.note([ONE], is_certain=True)
    replicas.note([], is_certain=True)
    replicas.note([ONE], is_certain=True)
    assert replicas.known["vote", "v1"] == (ONE, None)


def test_no_replica_has_gone_while_heartbeats_may_be_missing() -> None:
    replicas = Replicas()
    replicas.note([ONE], is_certain=True)
    replicas.note([], is_certain=False)
    assert replicas.known["vote", "v1"] == (ONE, None)
