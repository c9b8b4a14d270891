"""The settings of the worker."""

import secrets
import socket
import typing

import pydantic

from common import settings


class Settings(settings.RedisSettings, settings.DatabaseSettings):
    """Where the worker listens for probes, where its stores are, and how it drains."""

    port: settings.Port = 8082
    worker_name: typing.Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")] = (
        pydantic.Field(default_factory=socket.gethostname)
    )
    batch_size: typing.Annotated[int, pydantic.Field(ge=1, le=50_000)] = 5_000  # ballots
    migrate: bool = True

    def session_name(self) -> str:
        """A name for one session with Redis. It is never used again, see `queue.Session`."""
        return f"{self.worker_name}-{secrets.token_hex(3)}"
