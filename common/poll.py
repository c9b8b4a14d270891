"""The poll: its title, its options and when it closes."""

import dataclasses
import datetime


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

    def is_closed(self, now: datetime.datetime | None = None) -> bool:
        if self.closes_at is None:
            return False
        return (now or datetime.datetime.now(datetime.UTC)) >= self.closes_at
