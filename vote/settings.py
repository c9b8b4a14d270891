"""The settings of the vote service."""

import re
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from common.poll_settings import PageUrl, PollSettings
from common.store_settings import RedisSettings

MIN_SECRET = 16  # characters


def _check_accent(accent: str) -> str:
    if not re.fullmatch("#[0-9A-Fa-f]{6}", accent):
        raise ValueError("must be a color such as #0a7a3c")
    return accent


def _check_secret(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().strip()) < MIN_SECRET:
        raise ValueError(f"must have at least {MIN_SECRET} characters, best random ones")
    return secret


class Settings(PollSettings, RedisSettings):
    """Where vote listens, the poll, where Redis and the result page are, what signs the cookie.

    `accent` is the color of the page: replicas of another version are seen from afar.
    """

    result_url: PageUrl = None
    cookie_secret: Annotated[SecretStr, AfterValidator(_check_secret)] | None = None
    accent: Annotated[str, AfterValidator(_check_accent)] | None = None
