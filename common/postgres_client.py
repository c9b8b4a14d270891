"""The connection to Postgres: time-outs, keep-alive, an application name."""

import socket
import typing

import asyncpg

from common import database_url, dependency, settings

CONNECT_TIMEOUT = 5.0  # seconds
COMMAND_TIMEOUT = 30.0  # seconds for one statement
KEEPALIVE_IDLE = 15  # seconds of silence before the kernel asks whether the peer is alive
UNACKNOWLEDGED_TIMEOUT = 15_000  # ms that sent data may stay unacknowledged

# What means "Postgres cannot do it now". A mistake in a statement is none of these.
Away: typing.Final = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that ends in the middle of a statement
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.QueryCanceledError,
)


async def connect(
    configured: settings.DatabaseSettings, name: str, *, limit: float | None = COMMAND_TIMEOUT
) -> asyncpg.Connection:
    """A connection; `name` is what pg_stat_activity shows. Raises what `Away` names.

    `limit`: seconds that one statement may take.
    """
    options: dict[str, typing.Any] = {
        "timeout": CONNECT_TIMEOUT,
        "command_timeout": limit,
        "server_settings": {"application_name": name},
    }
    if configured.database_url:
        options["dsn"] = configured.database_url.get_secret_value()
    else:
        options |= {
            "host": configured.db_host,
            "port": configured.db_port,
            "database": configured.db_name,
            "user": configured.db_user,
        }
        if configured.db_pass:
            options["password"] = configured.db_pass.get_secret_value()
    connection = await asyncpg.connect(**options)
    _keep_alive(connection)
    return connection


def _keep_alive(connection: asyncpg.Connection) -> None:
    sock = connection._transport.get_extra_info("socket")
    if sock is None or sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE),
        ("TCP_KEEPINTVL", KEEPALIVE_IDLE // 3),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_TIMEOUT),
    ):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def check_url(configured: settings.DatabaseSettings) -> None:
    """Raises SettingsError when DATABASE_URL has a parameter that cannot work."""
    if configured.database_url:
        database_url.check(configured.database_url.get_secret_value())


async def check_credentials(configured: settings.DatabaseSettings) -> None:
    """Raises SettingsError when Postgres answers and refuses the connection for what it was told.

    So too, before it is asked, when a parameter in its URL cannot work. When Postgres does not
    answer, nothing is known yet: the service starts, says so and waits.
    """
    check_url(configured)
    address = configured.database_address()
    try:
        connection = await connect(configured, "credentials-check")
    except (asyncpg.ClientConfigurationError, ValueError) as error:
        raise settings.SettingsError(f"DATABASE_URL: {dependency.describe(error)}") from None
    except (
        asyncpg.InvalidAuthorizationSpecificationError,
        asyncpg.InvalidCatalogNameError,
    ) as error:
        raise settings.SettingsError(
            f"Postgres at {address} refuses the connection ({dependency.describe(error)}): "
            "DB_USER, DB_PASS and DB_NAME (or DATABASE_URL) must be those of that server"
        ) from None
    except asyncpg.InsufficientPrivilegeError as error:
        raise settings.SettingsError(
            f"Postgres at {address} refuses the connection ({dependency.describe(error)}): "
            "GRANT CONNECT ON DATABASE … TO the role, or give another by DB_USER (or DATABASE_URL)"
        ) from None
    except Away:
        return
    except asyncpg.PostgresError as error:
        raise settings.SettingsError(
            f"Postgres at {address} refuses the connection ({dependency.describe(error)}): "
            "the parameters in DATABASE_URL must be some that it has"
        ) from None
    await connection.close()
