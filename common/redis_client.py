"""The connection to Redis or Valkey: time-outs, keep-alive, a client name."""

import typing

import redis.asyncio
import redis.asyncio.retry
import redis.backoff
import redis.exceptions
import redis.maint_notifications

from common import dependency, redis_url, settings

CONNECT_TIMEOUT = 2.0  # seconds
ANSWER_TIMEOUT = 5.0  # seconds for one command
# A pooled connection may be dead since a restart: one fresh try heals that. Not after a time-out:
# a server that hangs would be waited for twice.
RETRIES = 1
RETRIED: typing.Final = (redis.exceptions.ConnectionError,)

# What means "Redis cannot do it now": gone, too slow, loading, full, or a replica for the moment.
Away: typing.Final = (redis.exceptions.RedisError, OSError, TimeoutError)


def connect(
    configured: settings.RedisSettings,
    name: str,
    *,
    timeout: float = ANSWER_TIMEOUT,
    retries: int = RETRIES,
) -> "redis.asyncio.Redis":
    """A client that connects when first used; `name` is what CLIENT LIST shows.

    `timeout`: seconds that one command may take. What is above `ANSWER_TIMEOUT` is for a command
    that blocks so long: it comes on top where REDIS_URL says how long an answer may take.
    """
    blocking = max(0.0, timeout - ANSWER_TIMEOUT)
    options: dict[str, typing.Any] = {
        "client_name": name,
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": timeout - blocking,
        # They are of managed Redis alone; with them on, the pool takes a connection that the server
        # has closed for a good one, and each would cost a failure after a restart.
        "maint_notifications_config": redis.maint_notifications.MaintNotificationsConfig(False),
        "retry": redis.asyncio.retry.Retry(redis.backoff.ConstantBackoff(0.05), retries, RETRIED),
    }
    username = configured.redis_username
    password = configured.redis_password
    if username is not None:
        options["username"] = username
    if password is not None:
        options["password"] = password.get_secret_value()
    if configured.redis_url:
        client = redis.asyncio.Redis.from_url(configured.redis_url.get_secret_value(), **options)
    else:
        client = redis.asyncio.Redis(
            host=configured.redis_host or "redis", port=configured.redis_port, **options
        )
    client.connection_pool.connection_kwargs["socket_timeout"] += blocking
    return client


def check_url(configured: settings.RedisSettings) -> None:
    """Raises SettingsError when REDIS_URL has a parameter that is none or cannot work."""
    if configured.redis_url:
        redis_url.check(configured.redis_url.get_secret_value())
    try:
        client = connect(configured, "url-check")
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]
    except (TypeError, ValueError, redis.exceptions.RedisError) as error:
        raise settings.SettingsError(f"REDIS_URL: {error}") from None


async def check_credentials(configured: settings.RedisSettings) -> None:
    """Raises SettingsError when Redis answers and refuses the user or password.

    So too, before it is asked, when its URL cannot work. When Redis does not answer, nothing is
    known yet: the service starts, says so and waits.
    """
    check_url(configured)
    # It waits no longer than it must: a service that is told to stop meanwhile has 10 seconds.
    client = connect(configured, "credentials-check", timeout=CONNECT_TIMEOUT, retries=0)
    try:
        await client.ping()
    except Away as error:
        # The client library wraps what goes wrong while it connects.
        cause = error.__cause__ or error
        if isinstance(cause, redis.exceptions.AuthenticationError):
            reason = dependency.describe(cause)
            raise settings.SettingsError(
                f"Redis at {configured.redis_address()} refuses the credentials ({reason}): "
                "REDIS_USERNAME and REDIS_PASSWORD (or REDIS_URL) must be those of that server"
            ) from None
        if "DB index" in str(error):
            raise settings.SettingsError(
                f"Redis at {configured.redis_address()} has no such database ({error}): "
                "REDIS_URL must name one that it has, as in redis://host:6379/0"
            ) from None
    finally:
        await client.aclose()
