import datetime

from common.poll import Poll

OPTIONS = {"a": "Cats", "b": "Dogs"}
MOMENT = datetime.datetime(2026, 11, 24, 20, 0, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)


def test_poll_without_an_end_never_closes() -> None:
    assert not Poll("t", OPTIONS).is_closed(datetime.datetime.max.replace(tzinfo=datetime.UTC))


def test_poll_closes_at_its_moment_in_any_time_zone() -> None:
    poll = Poll("t", OPTIONS, MOMENT)
    kathmandu = datetime.timezone(datetime.timedelta(hours=5, minutes=45))
    for zone in (datetime.UTC, kathmandu):
        assert not poll.is_closed((MOMENT - SECOND).astimezone(zone))
        assert poll.is_closed(MOMENT.astimezone(zone))
    assert poll.is_closed()


def test_the_revision_changes_with_title_and_options_only() -> None:
    poll = Poll("t", OPTIONS)
    assert poll.revision == Poll("t", OPTIONS, MOMENT).revision
    others = [
        Poll("u", OPTIONS),
        Poll("t", {"a": "Dogs", "b": "Cats"}),
        Poll("t", {**OPTIONS, "c": "Fish"}),
        Poll("t", {**OPTIONS, "b": "Fish"}),
    ]
    assert len({poll.revision, *(each.revision for each in others)}) == 5


def test_an_id_keeps_the_revision_when_the_text_is_corrected() -> None:
    poll, corrected = Poll("t", OPTIONS, id="lunch"), Poll("T", OPTIONS, id="lunch")
    assert poll.revision == corrected.revision == "lunch"
    assert poll.text_hash != corrected.text_hash
