"""The connection to Redis or Valkey, at an address or as the Sentinels say."""

import asyncio
from typing import Any, cast

import redis.asyncio
import redis.asyncio.connection
import redis.asyncio.retry
import redis.asyncio.sentinel
import redis.backoff
import redis.exceptions
import redis.maint_notifications

from common.queue import keys
from common.settings import SettingsError
from common.store_settings import RedisSettings

CONNECT_TIMEOUT = 2.0  # seconds
SENTINEL_TIMEOUT = 0.3  # seconds for one step of a question to a Sentinel; then the next is asked

# Redis cannot be used at the moment: unreachable, slow, loading, full, or a replica.
UNAVAILABLE = (redis.exceptions.RedisError, OSError, TimeoutError)


def connect(settings: RedisSettings, name: str) -> redis.asyncio.Redis:
    """Return a client that connects when it is first used.

    It never repeats a command, and waits for an answer without limit: use `asyncio.timeout`. With
    a timeout of its own, the library sends through `asyncio.wait_for`, which can lose a
    cancellation in Python 3.11; then SIGTERM would not end the process.

    Args:
        settings: The address and the credentials.
        name: What `CLIENT LIST` shows.

    Raises:
        SettingsError: The client library cannot read REDIS_URL.
    """
    url = settings.redis_url.get_secret_value()
    options: dict[str, Any] = {
        "client_name": name,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": None,
        "retry": redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0),
        # With these notifications of managed Redis on, the pool hands out dead connections.
        "maint_notifications_config": redis.maint_notifications.MaintNotificationsConfig(False),
    }
    try:
        if settings.redis_sentinels:
            parsed = dict(redis.asyncio.connection.parse_url(url))
            return _connect_with_sentinels(settings, options, parsed)
        return redis.asyncio.Redis.from_url(url, **options)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from None


class _Sentinels(redis.asyncio.sentinel.Sentinel):
    """The Sentinels, asked one question at a time.

    After each answer, the library reorders its list of Sentinels. Two concurrent questions can
    overwrite an entry of that list, and the Sentinel in it is never asked again.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)  # type: ignore[no-untyped-call]
        self._lock = asyncio.Lock()

    async def discover_master(self, service_name: str) -> Any:
        async with self._lock:
            return await super().discover_master(service_name)


class _PrimaryClient(redis.asyncio.Redis):
    """A client of the primary. It closes its connections to the Sentinels, too."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        await cast("Any", self.connection_pool).sentinel_manager.aclose()


def _connect_with_sentinels(
    settings: RedisSettings, options: dict[str, Any], parsed_url: dict[str, Any]
) -> redis.asyncio.Redis:
    tls = {name: value for name, value in parsed_url.items() if name.startswith("ssl_")}
    tls["ssl"] = "connection_class" in parsed_url
    password = settings.redis_sentinel_password
    sentinels: Any = _Sentinels(
        settings.redis_sentinels,
        sentinel_kwargs={
            **{name: options[name] for name in ("retry", "maint_notifications_config")},
            **tls,
            "socket_connect_timeout": SENTINEL_TIMEOUT,
            "socket_timeout": SENTINEL_TIMEOUT,
            "password": password.get_secret_value() if password else None,
        },
    )
    for name in ("host", "port", "connection_class"):
        parsed_url.pop(name, None)
    client: redis.asyncio.Redis = sentinels.master_for(
        settings.redis_sentinel_primary,
        redis_class=_PrimaryClient,
        **{**options, **parsed_url, **tls},
    )
    return client


async def find_servers(client: redis.asyncio.Redis) -> tuple[str | None, int]:
    """Return the host of the primary, if Sentinels have named it, and the number of its replicas.

    Raises:
        RedisError: Redis cannot be used, or the user has no right to ROLE.
    """
    role, *details = await client.role()
    replicas = details[1] if role == b"master" else []
    address = getattr(client.connection_pool, "master_address", None)
    return address and address[0], len(replicas)


async def read_names(client: redis.asyncio.Redis, key: str) -> list[str]:
    """Return the members of a set.

    Raises:
        Exception: One of `UNAVAILABLE`.
    """
    members: set[bytes] = await cast("Any", client.smembers(key))
    return [member.decode(errors="replace") for member in members]


def has_lost_role(error: BaseException) -> bool:
    """Return whether a server refused a write because it is a replica, or has lost its replicas.

    Then new connections may lead to the new primary.
    """
    # The library reports READONLY of a server that Sentinels named as a lost connection.
    is_read_only = any(
        isinstance(each, redis.exceptions.ReadOnlyError) for each in (error, error.__context__)
    )
    return is_read_only or str(error).startswith("NOREPLICAS")


async def check_write(client: redis.asyncio.Redis) -> None:
    """Check whether Redis would take a vote. Nothing is written.

    If it is no longer the primary, or has lost its replicas, the next command connects again.

    Raises:
        OutOfMemoryError: Redis is full.
        RedisError: Redis refuses writes for another reason, or cannot be used.
    """
    try:
        # Redis refuses it as it refuses a push. Otherwise nothing happens, because there is no
        # such list.
        await cast("Any", client.rpushx(keys.CHECK, ""))
    except redis.exceptions.RedisError as error:
        if has_lost_role(error):
            await client.connection_pool.disconnect(inuse_connections=False)
        raise
