"""The poll: its options, and when it is closed."""

import datetime

from common import poll

OPTIONS = (poll.Option("a", "Cats"), poll.Option("b", "Dogs"))
MOMENT = datetime.datetime(2026, 11, 24, 20, 0, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)


def test_option_ids() -> None:
    assert poll.Poll("t", OPTIONS).option_ids == {"a", "b"}


def test_without_a_time_it_never_closes() -> None:
    assert not poll.Poll("t", OPTIONS).is_closed(datetime.datetime.max.replace(tzinfo=datetime.UTC))


def test_it_closes_at_the_very_moment() -> None:
    asked = poll.Poll("t", OPTIONS, MOMENT)
    assert not asked.is_closed(MOMENT - SECOND)
    assert asked.is_closed(MOMENT)
    # The same moment in another time zone.
    kathmandu = datetime.timezone(datetime.timedelta(hours=5, minutes=45))
    assert asked.is_closed(MOMENT.astimezone(kathmandu))
    assert not asked.is_closed((MOMENT - SECOND).astimezone(kathmandu))


def test_the_clock_decides() -> None:
    now = datetime.datetime.now(datetime.UTC)
    assert poll.Poll("t", OPTIONS, now - SECOND).is_closed()
    assert not poll.Poll("t", OPTIONS, now + 60 * SECOND).is_closed()


def test_each_edition_asks_something_else() -> None:
    asked = poll.Poll("t", OPTIONS)
    assert asked.edition == poll.Poll("t", OPTIONS, MOMENT).edition  # it asks the same for longer
    others = [
        poll.Poll("u", OPTIONS),
        poll.Poll("t", OPTIONS[::-1]),
        poll.Poll("t", (*OPTIONS, poll.Option("c", "Fish"))),
        poll.Poll("t", (OPTIONS[0], poll.Option("b", "Fish"))),
    ]
    assert len({asked.edition, *(each.edition for each in others)}) == 5
