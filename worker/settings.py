"""The settings of the worker."""

from common.settings import Port
from common.store_settings import DatabaseSettings, RedisSettings


class Settings(RedisSettings, DatabaseSettings):
    """Where the stores are and how the worker consumes the queue."""

    port: Port = 8082
