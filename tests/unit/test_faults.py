import pytest
import redis.asyncio

from common.clock import milliseconds
from common.faults import KINDS, MAX_SECONDS, Fault, FaultError, Faults, create


@pytest.fixture
def faults() -> Faults:
    """The faults of the replica `vote-1`; nothing connects to Redis."""
    return Faults(redis.asyncio.Redis(), "vote", "vote-1")


def test_a_fault_without_choices_hits_all_replicas_for_a_minute() -> None:
    fault = create("vote-latency")
    assert (fault.id, fault.service, fault.replica) == ("vote-latency:vote:*", "vote", None)
    assert str(fault) == "latency 500 ms"
    assert 59_000 < fault.until - milliseconds() <= 60_000


def test_the_replica_is_part_of_the_id() -> None:
    assert create("worker-pause", replica="w1").id == "worker-pause:worker:w1"


def test_a_kind_without_a_unit_has_no_value() -> None:
    assert create("worker-crash", value=5).value is None


@pytest.mark.parametrize(
    ("choices", "named"),
    [
        ({"kind": "fire"}, "fire"),
        ({"kind": "vote-latency", "value": 0}, "0"),
        ({"kind": "vote-errors", "value": 101}, "101"),
        ({"kind": "vote-errors", "seconds": MAX_SECONDS + 1}, str(MAX_SECONDS + 1)),
        ({"kind": "vote-errors", "seconds": 0}, "0"),
        ({"kind": "vote-errors", "replica": ""}, "replica"),
    ],
)
def test_a_wrong_choice_is_named(choices: dict[str, object], named: str) -> None:
    with pytest.raises(FaultError, match=named):
        create(**choices)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_default_that_is_valid(kind: str) -> None:
    assert create(kind, value=KINDS[kind].default).value == create(kind).value


def test_a_fault_ends_by_itself(faults: Faults) -> None:
    faults.current = [Fault("vote-latency", "vote", None, 9, milliseconds() - 1)]
    assert faults.active() == []
    assert faults.value("vote-latency") == 0
    faults.current = [Fault("vote-latency", "vote", None, 9, milliseconds() + 60_000)]
    assert faults.value("vote-latency") == 9
    assert faults.describe() == ["latency 9 ms"]


def test_of_two_faults_of_a_kind_the_stronger_one_counts(faults: Faults) -> None:
    faults.current = [
        create("vote-errors", value=n, replica=name) for n, name in ((9, "a"), (2, "b"))
    ]
    assert faults.value("vote-errors") == 9
    assert faults.value("vote-latency") == 0


def test_errors_in_percent(faults: Faults) -> None:
    assert not faults.hits("vote-errors")
    faults.current = [create("vote-errors", value=100)]
    assert all(faults.hits("vote-errors") for _ in range(1_000))
    faults.current = [create("vote-errors", value=50)]
    assert 300 < sum(faults.hits("vote-errors") for _ in range(1_000)) < 700
