"""The settings of the vote service."""

import pydantic

from common import page_url, poll_setting, settings

MIN_SECRET = 16  # characters


class Settings(poll_setting.PollSettings, settings.RedisSettings):
    """Where vote listens, what is asked, where Redis and the result are, what signs the cookie."""

    port: settings.Port = 8080
    result_url: page_url.PageUrl = None
    cookie_secret: pydantic.SecretStr | None = None

    @pydantic.field_validator("cookie_secret")
    @classmethod
    def _long_enough(cls, secret: pydantic.SecretStr | None) -> pydantic.SecretStr | None:
        if secret and not secret.get_secret_value().strip():
            raise ValueError(
                f"is blank: it must have at least {MIN_SECRET} characters, best random ones"
            )
        if secret and len(secret.get_secret_value()) < MIN_SECRET:
            raise ValueError(f"must have at least {MIN_SECRET} characters")
        return secret
