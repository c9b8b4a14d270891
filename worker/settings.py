"""The settings of the worker."""

import socket
from typing import Annotated

from pydantic import Field

from common.settings import Port
from common.store_settings import DatabaseSettings, RedisSettings


class Settings(RedisSettings, DatabaseSettings):
    """Where the stores are and how the worker consumes the queue."""

    port: Port = 8082
    worker_name: str = Field(default_factory=socket.gethostname, pattern=r"^[A-Za-z0-9._-]{1,100}$")
    batch_size: Annotated[int, Field(ge=1, le=50_000)] = 5_000  # ballots
    migrate: bool = True
