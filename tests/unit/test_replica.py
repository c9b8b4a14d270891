"""Heartbeats of this version and of the one before understand each other."""

import msgspec

from common.replica import Heartbeat


class Beat(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The heartbeat of the version before."""

    service: str
    name: str
    version: str
    started_at: int
    state: str
    rate: float
    faults: list[str] = []
    accent: str | None = None
    browsers: int | None = None
    commits: float | None = None
    lags: list[int] = []


def test_the_version_before_reads_a_heartbeat() -> None:
    for heartbeat in (Heartbeat(), Heartbeat(name="w1", state="working", last_commit=7, lags=[1])):
        beat = msgspec.json.decode(msgspec.json.encode(heartbeat), type=Beat)
        assert (beat.name, beat.state, beat.lags) == (
            heartbeat.name,
            heartbeat.state,
            heartbeat.lags,
        )


def test_a_heartbeat_of_the_version_before_is_read() -> None:
    beat = Beat(service="vote", name="v1", version="1", started_at=1, state="idle", rate=2.5)
    heartbeat = msgspec.json.decode(msgspec.json.encode(beat), type=Heartbeat)
    assert (heartbeat.name, heartbeat.rate, heartbeat.last_commit) == ("v1", 2.5, None)
