"""The poll: its title, its options and when it closes."""

import datetime
import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

OPTION_LETTERS = string.ascii_lowercase  # the ids of the options
HASH_LENGTH = 12  # hexadecimal digits
# After the end, Redis still takes votes that are on their way, for this time by its own clock.
GRACE = datetime.timedelta(seconds=5)


@dataclass(frozen=True)
class Poll:
    """The question.

    Attributes:
        title: The question itself.
        options: The names of the options by their letters, which are their ids.
        closes_at: When voting ends, with a time zone. None: never.
        id: What replaces the hash as the revision. None: a change of the text starts another poll.
    """

    title: str
    options: Mapping[str, str]
    closes_at: datetime.datetime | None = None
    id: str | None = None

    @property
    def revision(self) -> str:
        """The name of this poll in ballots and in Postgres: votes count in the poll they name."""
        return self.id or self.text_hash

    @cached_property
    def text_hash(self) -> str:
        """A hash of title and options. A page with another one is out of date."""
        names = (self.title, *(f"{letter}{name}" for letter, name in self.options.items()))
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:HASH_LENGTH]

    @cached_property
    def last_push(self) -> int | None:
        """When Redis takes the last vote, by its own clock, in µs since the epoch. None: never."""
        if self.closes_at is None:
            return None
        return int((self.closes_at + GRACE).timestamp() * 1_000_000)

    def is_closed(self, now: datetime.datetime | None = None) -> bool:
        """Return whether voting has ended at `now` (default: this moment)."""
        if self.closes_at is None:
            return False
        return (now or datetime.datetime.now(datetime.UTC)) >= self.closes_at
