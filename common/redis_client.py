"""The connection to Redis or Valkey."""

from typing import Any

import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.exceptions
import redis.maint_notifications

from common.settings import RedisSettings, SettingsError

CONNECT_TIMEOUT = 2.0  # seconds

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
    options: dict[str, Any] = {
        "client_name": name,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": None,
        "retry": redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0),
        # With these notifications of managed Redis on, the pool hands out dead connections.
        "maint_notifications_config": redis.maint_notifications.MaintNotificationsConfig(False),
    }
    if settings.redis_username is not None:
        options["username"] = settings.redis_username
    if settings.redis_password is not None:
        options["password"] = settings.redis_password.get_secret_value()
    if settings.redis_url is None:
        return redis.asyncio.Redis(host=settings.redis_host, port=settings.redis_port, **options)
    try:
        return redis.asyncio.Redis.from_url(settings.redis_url.get_secret_value(), **options)
    except ValueError as error:
        raise SettingsError(f"REDIS_URL: {error}") from None


async def renew(client: redis.asyncio.Redis, key: str, value: str | bytes, ttl: int) -> None:
    """Renew a heartbeat. The write also shows whether Redis would take a vote.

    Args:
        client: The connection to Redis.
        key: The key of the heartbeat.
        value: Its content.
        ttl: In ms.

    Raises:
        OutOfMemoryError: Redis is full. The heartbeat goes on with its earlier content.
        ReadOnlyError: Redis has become a replica. New connections may lead to the new master.
    """
    try:
        await client.set(key, value, px=ttl)
    except redis.exceptions.OutOfMemoryError:
        await client.pexpire(key, ttl)  # needs no memory
        raise
    except redis.exceptions.ReadOnlyError:
        await client.connection_pool.disconnect(inuse_connections=False)
        raise
