"""What a parameter behind the "?" of a store's URL may be, and that in words."""

import collections.abc
import math
import pathlib
import re
import typing

from common import settings

Check = tuple[collections.abc.Callable[[str], bool], str]  # what is right, and that in words
WORDS: typing.Final = {"1", "t", "true", "y", "yes", "0", "f", "false", "n", "no"}


def _is_time(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def whole_from(least: int) -> collections.abc.Callable[[str], bool]:
    return lambda text: bool(re.fullmatch("[0-9]{1,9}", text)) and int(text) >= least


def _is_readable(text: str) -> bool:
    try:
        with pathlib.Path(text).open("rb"):
            return True
    except (OSError, ValueError):
        return False


def _is_folder(text: str) -> bool:
    try:
        return pathlib.Path(text).is_dir()
    except OSError:
        return False


SECONDS: typing.Final[Check] = (_is_time, "a number of seconds, more than 0")
COUNT: typing.Final[Check] = (whole_from(1), "a whole number, 1 or more")
ORDINAL: typing.Final[Check] = (whole_from(0), "a whole number, 0 or more")
# To the library every other word means yes, "off" too.
BOOLEAN: typing.Final[Check] = (lambda text: text.lower() in WORDS, "yes or no")
FILE: typing.Final[Check] = (_is_readable, "the path of a file that this process may read")
FOLDER: typing.Final[Check] = (_is_folder, "the path of a folder")
TEXT: typing.Final[Check] = (lambda _: True, "a text")


def check_values(
    setting: str,
    given: collections.abc.Mapping[str, list[str]],
    known: collections.abc.Mapping[str, Check],
) -> None:
    """Raises SettingsError for the first parameter in `given` that is known and not right."""
    for name, values in given.items():
        is_right, words = known.get(name, TEXT)
        # What is empty counts as not set, as everywhere.
        if not all(map(is_right, filter(None, values))):
            raise settings.SettingsError(f"{setting}: the parameter {name!r} must be {words}")
