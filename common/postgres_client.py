"""The connection to Postgres."""

from typing import Any

import asyncpg

from common.settings import DatabaseSettings, SettingsError

CONNECT_TIMEOUT = 5.0  # seconds
COMMAND_TIMEOUT = 30.0  # seconds for one statement

# Postgres cannot be used at the moment, or rejects a statement.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that ends in the middle of a statement
)


async def connect(
    settings: DatabaseSettings, name: str, *, command_timeout: float | None = COMMAND_TIMEOUT
) -> asyncpg.Connection:
    """Return a new connection.

    Args:
        settings: The address and the credentials.
        name: What `pg_stat_activity` shows.
        command_timeout: Seconds for one statement; None: no limit.

    Raises:
        SettingsError: The client library cannot use the settings.
        Exception: One of `UNAVAILABLE`.
    """
    options: dict[str, Any] = {
        "timeout": CONNECT_TIMEOUT,
        "command_timeout": command_timeout,
        "server_settings": {"application_name": name},
    }
    if settings.database_url is not None:
        options["dsn"] = settings.database_url.get_secret_value()
    else:
        options |= {
            "host": settings.db_host,
            "port": settings.db_port,
            "database": settings.db_name,
            "user": settings.db_user,
        }
        if settings.db_pass is not None:
            options["password"] = settings.db_pass.get_secret_value()
    try:
        return await asyncpg.connect(**options)
    except (asyncpg.ClientConfigurationError, ValueError) as error:
        name = "DATABASE_URL" if settings.database_url else "DB_… and PG… variables"
        raise SettingsError(f"{name}: {error}") from None
