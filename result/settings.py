"""The settings of the result service."""

from common.settings import DatabaseSettings, PageUrl, PollSettings, Port, RedisSettings


class Settings(PollSettings, RedisSettings, DatabaseSettings):
    """Where result listens, the poll, where Postgres and the vote page are, and perhaps Redis."""

    port: Port = 8081
    redis_host: str | None = None  # without Redis, only the status strip knows less
    vote_url: PageUrl = None

    @property
    def has_redis(self) -> bool:
        """Whether the status strip can show the queue and the workers."""
        return bool(self.redis_url or self.redis_host)
