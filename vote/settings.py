"""The settings of the vote service."""

import re

from pydantic import SecretStr, field_validator

from common.poll_settings import PageUrl, PollSettings
from common.store_settings import RedisSettings

MIN_SECRET = 16  # characters


class Settings(PollSettings, RedisSettings):
    """Where vote listens, the poll, where Redis and the result page are, what signs the cookie.

    `accent` is the color of the page: replicas of another version are seen from afar.
    """

    result_url: PageUrl = None
    cookie_secret: SecretStr | None = None
    accent: str | None = None

    @field_validator("accent")
    @classmethod
    def _check_accent(cls, accent: str | None) -> str | None:
        if accent is not None and not re.fullmatch("#[0-9A-Fa-f]{6}", accent):
            raise ValueError("must be a color such as #0a7a3c")
        return accent

    @field_validator("cookie_secret")
    @classmethod
    def _check_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().strip()) < MIN_SECRET:
            raise ValueError(f"must have at least {MIN_SECRET} characters, best random ones")
        return secret
