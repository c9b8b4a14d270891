"""The Redis keys, which a Redis Cluster must keep together."""

from redis import crc

from common import keys


def test_all_keys_are_in_one_slot() -> None:
    """Scripts that use several keys run on a Redis Cluster only then."""
    every = (
        keys.VOTES,
        keys.DEAD,
        keys.WORKERS,
        keys.COOKIE_SECRET,
        keys.claimed("w-1"),
        keys.heartbeat("w-1"),
    )
    assert len({crc.key_slot(key.encode()) for key in every}) == 1
    assert len(set(every)) == len(every)
    assert keys.VOTES == "votes"  # as the classic voting app calls it
