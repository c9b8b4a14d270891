"""The poll: its title, its options and when it closes."""

import dataclasses
import datetime
import hashlib
import string

OPTION_LETTERS = string.ascii_lowercase
OPTION_IDS = frozenset(OPTION_LETTERS)  # of every poll
EDITION_LENGTH = 12  # hexadecimal digits


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One answer a voter can give: `id` crosses process borders, `name` is shown."""

    id: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Poll:
    """The question. `closes_at` has a time zone; None: the poll never closes."""

    title: str
    options: tuple[Option, ...]
    closes_at: datetime.datetime | None = None

    @property
    def edition(self) -> str:
        """A hash of title and options. A page with another edition is out of date."""
        names = (self.title, *(f"{option.id}{option.name}" for option in self.options))
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:EDITION_LENGTH]

    def is_closed(self, now: datetime.datetime | None = None) -> bool:
        """Return whether voting has ended at `now` (default: this moment)."""
        if self.closes_at is None:
            return False
        return (now or datetime.datetime.now(datetime.UTC)) >= self.closes_at
