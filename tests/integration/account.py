"""Users of Redis for one test."""

import contextlib
import typing
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def opened(client: typing.Any, *rules: str) -> AsyncIterator[dict[str, str]]:
    """A user with `rules`. Yields the settings with which a service is that user."""
    name, password = "tester", "right"
    await client.acl_deluser(name)
    await client.execute_command("ACL", "SETUSER", name, "on", f">{password}", *rules)
    address = client.get_connection_kwargs()
    if "path" in address:
        url = f"unix://{name}@{address['path']}"
    else:
        url = f"redis://{name}@{address['host']}:{address['port']}"
    yield {"REDIS_URL": url, "REDIS_PASSWORD": password}
    await client.acl_deluser(name)
