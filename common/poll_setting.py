"""The settings of the poll: its options, its title, and when it closes."""

import datetime
import typing
import unicodedata

import pydantic
import pydantic_settings

from common import bidi, poll, settings

MAX_OPTION_NAME = 200  # characters
TITLE_NAMES, TITLE_LENGTH = 4, 60  # of a title made from names, and their characters in all
TITLE_FIRST = 24  # characters of the first two where there are more: then it is one line
INVISIBLE: typing.Final = {"Cc", "Cf", "Zl", "Zp", "Zs"}  # categories of Unicode
FILLERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and a sign that are drawn as nothing


class PollSettings(settings.Settings):
    """The poll, the same for each service that knows it."""

    # Only from OPTION_A, …: a variable OPTIONS has nothing to do with it.
    options: typing.Annotated[dict[str, str], pydantic_settings.NoDecode] = pydantic.Field(
        default={}
    )
    poll_title: str | None = pydantic.Field(default=None, max_length=MAX_OPTION_NAME)
    poll_closes_at: pydantic.AwareDatetime | None = None

    @pydantic.field_validator("poll_title")
    @classmethod
    def _readable(cls, given: str | None) -> str | None:
        if given and _is_blank(given):
            raise ValueError("is blank: give it a text that can be seen, or do not set it")
        bidi.check(given or "")
        return given

    @pydantic.field_validator("poll_closes_at", mode="before")
    @classmethod
    def _with_offset(cls, given: object) -> object:
        if not isinstance(given, str):
            return given
        try:
            moment = datetime.datetime.fromisoformat(given)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise ValueError("must be a time with its offset, as in 2026-11-24T20:00:00+01:00")
        try:
            moment.astimezone(datetime.UTC)
        except OverflowError:
            raise ValueError("must be in the years 1 to 9999, by UTC too") from None
        return moment

    @pydantic.field_validator("options")
    @classmethod
    def _complete(cls, given: dict[str, str]) -> dict[str, str]:
        options = {"a": "Cats", "b": "Dogs"} | {
            letter: " ".join(name.split()) for letter, name in sorted(given.items())
        }
        expected = poll.OPTION_LETTERS[: len(options)]
        for letter in expected:
            if letter not in options:
                raise ValueError(
                    f"OPTION_{letter.upper()} is missing: the letters of the options have no gap"
                )
        seen: dict[str, str] = {}
        for letter, name in options.items():
            if _is_blank(name):
                raise ValueError(f"OPTION_{letter.upper()} is blank: give it a name")
            if len(name) > MAX_OPTION_NAME:
                raise ValueError(
                    f"OPTION_{letter.upper()} is longer than {MAX_OPTION_NAME} characters"
                )
            try:
                bidi.check(name)
            except ValueError as error:
                raise ValueError(f"OPTION_{letter.upper()}: {error}") from None
            twin = seen.setdefault(name.lower(), letter)  # as the chart does
            if twin != letter:
                raise ValueError(
                    f"OPTION_{letter.upper()} has the name of OPTION_{twin.upper()}, {name!r}: "
                    "each option has a name of its own"
                )
        return options

    def poll(self) -> poll.Poll:
        options = tuple(poll.Option(letter, name) for letter, name in self.options.items())
        title = self.poll_title or _title([option.name for option in options])
        return poll.Poll(title, options, self.poll_closes_at)

    model_config = pydantic_settings.SettingsConfigDict(validate_default=True)


def _title(names: list[str]) -> str:
    """Of all names if they are few and short, else of the first ones: bars need room too."""
    if len(names) > 2 and (len(names) > TITLE_NAMES or len("".join(names)) > TITLE_LENGTH):
        names = [*names[: 2 if len("".join(names[:2])) <= TITLE_FIRST else 1], "…"]
    return " vs ".join(names) + "!"


def _is_blank(text: str) -> bool:
    """Whether nothing of `text` can be seen."""
    return all(unicodedata.category(letter) in INVISIBLE or letter in FILLERS for letter in text)
