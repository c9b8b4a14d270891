"""The settings of the vote service."""

import re
from typing import Annotated

from pydantic import AfterValidator

from common.poll_settings import PageUrl, PollSettings
from common.settings import LongSecret
from common.store_settings import RedisSettings


def _check_accent(accent: str) -> str:
    if not re.fullmatch("#[0-9A-Fa-f]{6}", accent):
        raise ValueError("must be a color such as #0a7a3c")
    return accent


class Settings(PollSettings, RedisSettings):
    """Where vote listens, the poll, where Redis and the result page are, what signs the cookie.

    `accent` is the color of the page: replicas of another version are seen from afar.
    """

    result_url: PageUrl = None
    cookie_secret: LongSecret | None = None
    accent: Annotated[str, AfterValidator(_check_accent)] | None = None
