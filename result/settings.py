"""The settings of the result service."""

from pydantic import SecretStr, ValidationInfo, field_validator

from common.poll_settings import PageUrl, PollSettings
from common.settings import LongSecret, Port
from common.store_settings import DatabaseSettings, RedisSettings


class Settings(PollSettings, RedisSettings, DatabaseSettings):
    """Where result listens, the poll, where the stores and the vote page are."""

    port: Port = 8081
    vote_url: PageUrl = None
    presenter_token: LongSecret | None = None  # what a presenter enters to set faults

    @field_validator("presenter_token")
    @classmethod
    def _check_token(cls, token: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if token is None and info.data.get("faults") == "enabled":
            raise ValueError("FAULTS=enabled needs it: choose a long one, or disable the faults")
        return token
