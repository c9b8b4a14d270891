"""The settings of the result service."""

from common import page_url, poll_setting, settings


class Settings(poll_setting.PollSettings, settings.RedisSettings, settings.DatabaseSettings):
    """Where result listens, what was asked, where Postgres is, and perhaps Redis."""

    port: settings.Port = 8081
    # Only the status strip needs Redis: not set, result works without.
    redis_host: str | None = None
    vote_url: page_url.PageUrl = None

    @property
    def has_redis(self) -> bool:
        return bool(self.redis_url or self.redis_host)
