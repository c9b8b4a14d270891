"""The settings that say where the stores are."""

import re
from typing import Annotated, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import NoDecode

from common.settings import Port, Secret, ServiceSettings

SENTINEL_PORT = 26379


def _check_url(url: str, *schemes: str) -> None:
    """Check the scheme, and that it is clear where the password ends.

    An unescaped "/" or "@" would make a part of the password the host, which is logged.
    """
    scheme, separator, rest = url.partition("://")
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


def _add_password(url: str, password: SecretStr | None) -> SecretStr:
    """Return the URL with the password, unless it has one."""
    parts = urlsplit(url)
    if password and parts.password is None:
        user, _, hosts = parts.netloc.rpartition("@")
        secret = quote(password.get_secret_value(), safe="")
        url = urlunsplit(parts._replace(netloc=f"{user}:{secret}@{hosts}"))
    return SecretStr(url)


def _quote_hosts(hosts: str) -> str:
    """Return the hosts as in a URL: IPv6 addresses in brackets, the folder of a socket escaped."""
    return ",".join(
        f"[{host}]" if host.count(":") > 1 and "[" not in host else quote(host, safe=":[]")
        for host in hosts.split(",")
    )


class RedisSettings(ServiceSettings):
    """Where Redis is: `redis_url`, made of its parts if it is not set. Faults may be set there.

    With Sentinels, the host and the port of the URL are not used. A vote is acknowledged, and a
    request to delete all votes carried out, only when `redis_replicas` replicas have it, too.
    """

    faults: Literal["disabled", "enabled"] = "disabled"
    redis_host: str = "redis"
    redis_password: Secret | None = None
    redis_url: SecretStr = SecretStr("")
    redis_sentinels: Annotated[list[tuple[str, Port]], NoDecode] = Field(default=[])
    redis_sentinel_primary: str = "votes"
    redis_sentinel_password: Secret | None = None
    redis_replicas: Annotated[int, Field(ge=0, le=10)] = 0

    @field_validator("redis_url")
    @classmethod
    def _complete_redis_url(cls, given: SecretStr, info: ValidationInfo) -> SecretStr:
        url = given.get_secret_value()
        if url:
            _check_url(url, "redis", "rediss", "unix")
        else:
            url = f"redis://{_quote_hosts(info.data['redis_host'])}"
        return _add_password(url, info.data.get("redis_password"))

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
        return _without_secrets(self.redis_url)


class DatabaseSettings(ServiceSettings):
    """Where Postgres is: `database_url`, made of its parts if it is not set.

    A `db_host` with a "/" is the socket's folder. Several hosts have commas between them; the one
    that takes writes is used.
    """

    db_host: str = "db"
    db_name: str = "postgres"
    db_user: str = "postgres"
    db_pass: Secret | None = None
    database_url: SecretStr = SecretStr("")

    @field_validator("database_url")
    @classmethod
    def _complete_database_url(cls, given: SecretStr, info: ValidationInfo) -> SecretStr:
        url, parts = given.get_secret_value(), info.data
        if url:
            _check_url(url, "postgresql", "postgres")
        else:
            user, name = (quote(parts[field], safe="") for field in ("db_user", "db_name"))
            url = f"postgresql://{user}@{_quote_hosts(parts['db_host'])}/{name}"
        return _add_password(url, parts.get("db_pass"))

    @property
    def database_address(self) -> str:
        """Where Postgres is, without any password."""
        return _without_secrets(self.database_url)


def _without_secrets(url: SecretStr) -> str:
    parts = urlsplit(url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
