"""The connection to Postgres."""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from common.dependency import describe, is_refusal
from common.settings import SettingsError
from common.store_settings import DatabaseSettings

CONNECT_TIMEOUT = 5.0  # seconds
HOST_TIMEOUT = 0.7  # seconds for each of several hosts; see PING_TIMEOUT in `dependency`
COMMAND_TIMEOUT = 30.0  # seconds for one statement

# Postgres cannot be used at the moment, or rejects a statement.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a connection that ends in the middle of a statement
)


class HostsError(ConnectionError):
    """None of several hosts can be used. The text has the reason of each.

    Attributes:
        sqlstate: The code of a host that rejects our credentials; None if none does.
    """

    sqlstate: str | None = None


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
    addresses = _addresses(settings)
    if len(addresses) > 1:
        options |= {"timeout": HOST_TIMEOUT, "target_session_attrs": "read-write"}
    failures: dict[str, Exception] = {}
    for (
        host,
        address,
    ) in addresses.items():  # one by one: the timeout of the library is for all of them
        try:
            return await asyncpg.connect(**options, **address)
        except (asyncpg.ClientConfigurationError, ValueError) as error:
            name = "DATABASE_URL" if settings.database_url else "DB_… and PG… variables"
            raise SettingsError(f"{name}: {error}") from None
        except UNAVAILABLE as error:
            if len(addresses) == 1:
                raise
            failures[host] = error
    reasons = (f"{host}: {describe(error)}" for host, error in failures.items())
    failure = HostsError("; ".join(reasons))
    refusals = (getattr(each, "sqlstate", None) for each in failures.values() if is_refusal(each))
    failure.sqlstate = next(refusals, None)
    raise failure


def _addresses(settings: DatabaseSettings) -> dict[str, dict[str, Any]]:
    """Return the arguments for each host, by its name."""
    if settings.database_url is None:
        account = {
            "port": settings.db_port,
            "database": settings.db_name,
            "user": settings.db_user,
            "password": settings.db_pass.get_secret_value() if settings.db_pass else None,
        }
        return {host: {"host": host, **account} for host in settings.db_host.split(",")}
    url = settings.database_url.get_secret_value()
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return {hosts: {"dsn": url}}
    return {
        host: {"dsn": urlunsplit(parts._replace(netloc=f"{login}{at}{host}"))}
        for host in hosts.split(",")
    }
