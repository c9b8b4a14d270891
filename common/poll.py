"""The poll: its title, its options and when it closes."""

import dataclasses
import datetime
import hashlib

OPTION_LETTERS = "abcdefghijklmnopqrstuvwxyz"
OPTION_IDS = frozenset(OPTION_LETTERS)  # that any poll may have
EDITION_LENGTH = 12  # hexadecimal digits


@dataclasses.dataclass(frozen=True, slots=True)
class Option:
    """One answer a voter can give: `id` crosses process borders, `name` is shown."""

    id: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Poll:
    """What is asked. `closes_at` has a time zone; None: the poll never closes by itself."""

    title: str
    options: tuple[Option, ...]
    closes_at: datetime.datetime | None = None

    @property
    def option_ids(self) -> frozenset[str]:
        return frozenset(option.id for option in self.options)

    @property
    def edition(self) -> str:
        """What is asked, as a short text: a page that was drawn with another one is out of date."""
        names = (self.title, *(f"{option.id}{option.name}" for option in self.options))
        return hashlib.sha256("\n".join(names).encode()).hexdigest()[:EDITION_LENGTH]

    def is_closed(self, now: datetime.datetime | None = None) -> bool:
        if self.closes_at is None:
            return False
        return (now or datetime.datetime.now(datetime.UTC)) >= self.closes_at
