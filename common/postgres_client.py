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
    addresses = _addresses(settings.database_url.get_secret_value())
    if len(addresses) > 1:
        options |= {"timeout": HOST_TIMEOUT, "target_session_attrs": "read-write"}
    failures: dict[str, Exception] = {}
    # One by one: the timeout of the library is for all of them.
    for host, address in addresses.items():
        try:
            return await asyncpg.connect(address, **options)
        except (asyncpg.ClientConfigurationError, ValueError) as error:
            raise SettingsError(f"DATABASE_URL, DB_… or PG…: {error}") from None
        except UNAVAILABLE as error:
            if len(addresses) == 1:
                raise
            failures[host] = error
    reasons = (f"{host}: {describe(error)}" for host, error in failures.items())
    failure = HostsError("; ".join(reasons))
    refusals = (getattr(each, "sqlstate", None) for each in failures.values() if is_refusal(each))
    failure.sqlstate = next(refusals, None)
    raise failure


def _addresses(url: str) -> dict[str, str]:
    """Return the URL of each host, by its name."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return {hosts: url}
    return {
        host: urlunsplit(parts._replace(netloc=f"{login}{at}{host}")) for host in hosts.split(",")
    }
