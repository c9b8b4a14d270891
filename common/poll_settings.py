"""The settings of the poll and of the addresses that its pages show."""

import re
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, HttpUrl
from pydantic_settings import NoDecode

from common.poll import OPTION_LETTERS, Poll
from common.settings import ServiceSettings

MAX_NAME = 200  # characters of an option or of the title
MAX_URL = 500  # characters; a phone can still read the QR code from afar

OptionName = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME),
    BeforeValidator(lambda name: " ".join(name.split())),
]


def _check_url_syntax(url: str) -> str:
    HttpUrl(url)
    return url


PageUrl = Annotated[str, Field(max_length=MAX_URL), AfterValidator(_check_url_syntax)] | None


def _check_is_text(given: object) -> object:
    """Reject bare numbers, which pydantic would take for seconds since the epoch."""
    if isinstance(given, str) and not re.match(r"\d{4}-", given):
        raise ValueError("must be a time with its offset, as in 2030-01-31T20:00:00+01:00")
    return given


def _complete(given: dict[str, str]) -> dict[str, str]:
    """Add the two options that every poll has, and check the letters."""
    options = {"a": "Cats", "b": "Dogs"}
    for letter, name in sorted(given.items()):
        if letter not in set(OPTION_LETTERS):
            raise ValueError(f"OPTION_{letter.upper()}: options are named OPTION_A to OPTION_Z")
        options[letter] = name
    for letter in OPTION_LETTERS[: len(options)]:
        if letter not in options:
            raise ValueError(f"OPTION_{letter.upper()} is missing: use letters without a gap")
    return options


Options = Annotated[dict[str, OptionName], NoDecode, AfterValidator(_complete)]


class PollSettings(ServiceSettings):
    """The poll. vote and result must get the same."""

    options: Options = Field(default={})
    poll_title: str | None = Field(default=None, max_length=MAX_NAME)
    poll_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")] | None = None
    poll_closes_at: Annotated[AwareDatetime, BeforeValidator(_check_is_text)] | None = None

    @property
    def poll(self) -> Poll:
        """The question, its options, when it closes and its id."""
        title = (self.poll_title or "").strip() or _title(list(self.options.values()))
        return Poll(title, self.options, self.poll_closes_at, self.poll_id)


def _title(names: list[str]) -> str:
    """Return a title made of all names if they are few and short, otherwise of the first two."""
    if len(names) > 2 and (len(names) > 4 or len("".join(names)) > 60):
        names = [*names[:2], "…"]
    return " vs ".join(names) + "!"
