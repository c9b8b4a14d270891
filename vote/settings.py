"""The settings of the vote service."""

from common.poll_settings import PageUrl, PollSettings
from common.settings import LongSecret
from common.store_settings import RedisSettings


class Settings(PollSettings, RedisSettings):
    """Where vote listens, the poll, where Redis and the result page are, what signs the cookie."""

    result_url: PageUrl = None
    cookie_secret: LongSecret | None = None
