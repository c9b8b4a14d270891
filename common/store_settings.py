"""The settings that say where the stores are."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from common.settings import Port, Secret, ServiceSettings

SENTINEL_PORT = 26379


def _check_url(url: SecretStr, *schemes: str) -> SecretStr:
    """Check the scheme, and that it is clear where the password ends.

    An unescaped "/" or "@" would make a part of the password the host, which is logged.
    """
    scheme, separator, rest = url.get_secret_value().partition("://")
    if not separator or scheme not in schemes:
        raise ValueError(f"must begin with {' or '.join(f'{each}://' for each in schemes)}")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    hosts = authority.rpartition("@")[2].split(",")
    if authority.count("@") > 1 or "@" in rest[len(authority) :]:
        raise ValueError(
            f"must look like {schemes[0]}://user:password@host:port/name, with each of : / ? # @ %"
            " in user and password percent-encoded (@ is %40)"
        )
    for host in hosts:
        if not re.fullmatch(r"(\[[^\]]*\]|[^:]*)(:\d{1,5})?", host):
            raise ValueError(f"must have hosts like db.example.org:5432 or [::1]:5432, not {host}")
    return url


def _check_redis_url(url: SecretStr) -> SecretStr:
    return _check_url(url, "redis", "rediss", "unix")


def _check_database_url(url: SecretStr) -> SecretStr:
    return _check_url(url, "postgresql", "postgres")


class RedisSettings(ServiceSettings):
    """Where Redis is: one URL, its parts, or the Sentinels that know it. Faults may be set there.

    With Sentinels, the host and the port of a URL are not used. A vote is acknowledged, and a
    request to delete all votes carried out, only when `redis_replicas` replicas have it, too.
    """

    faults: Literal["disabled", "enabled"] = "disabled"
    redis_url: Annotated[SecretStr, AfterValidator(_check_redis_url)] | None = None
    redis_host: str = "redis"
    redis_port: Port = 6379
    redis_password: Secret | None = None
    redis_sentinels: Annotated[list[tuple[str, Port]], NoDecode] = Field(default=[])
    redis_sentinel_primary: str = "votes"
    redis_sentinel_password: Secret | None = None
    redis_replicas: Annotated[int, Field(ge=0, le=10)] = 0

    @field_validator("redis_sentinels", mode="before")
    @classmethod
    def _split_sentinels(cls, given: object, info: ValidationInfo) -> object:
        if not isinstance(given, str):
            return given
        url = info.data.get("redis_url")
        if url and url.get_secret_value().startswith("unix:"):
            raise ValueError("is set together with a REDIS_URL that names a socket: set one")
        addresses = [urlsplit(f"//{each.strip()}") for each in given.split(",")]
        if not all(each.hostname and not each.path for each in addresses):
            raise ValueError("must look like redis-0:26379,redis-1:26379,redis-2:26379")
        return [(each.hostname, each.port or SENTINEL_PORT) for each in addresses]

    @property
    def redis_address(self) -> str:
        """Where Redis is, without any password."""
        if self.redis_sentinels:
            sentinels = ",".join(f"{host}:{port}" for host, port in self.redis_sentinels)
            return f"{self.redis_sentinel_primary} of {sentinels}"
        if self.redis_url:
            return _without_secrets(self.redis_url)
        return f"{self.redis_host}:{self.redis_port}"


class DatabaseSettings(ServiceSettings):
    """Where Postgres is: one URL, or its parts.

    A `db_host` with a "/" is the socket's folder. Several hosts have commas between them; the one
    that takes writes is used.
    """

    database_url: Annotated[SecretStr, AfterValidator(_check_database_url)] | None = None
    db_host: str = "db"
    db_port: Port = 5432
    db_name: str = "postgres"
    db_user: str = "postgres"
    db_pass: Secret | None = None

    @property
    def database_address(self) -> str:
        """Where Postgres is, without any password."""
        if self.database_url:
            return _without_secrets(self.database_url)
        return f"{self.db_host}:{self.db_port}/{self.db_name}"


def _without_secrets(url: SecretStr) -> str:
    parts = urlsplit(url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
