"""A fail-over of Redis: another server is the master, and the old one is a replica now."""

import contextlib
import typing
from collections.abc import AsyncIterator, Iterator

from standalone import store as standalone_store
from tests import place


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """The URL of one more server."""
    with (
        place.opened("vote-test-") as path,
        standalone_store.opened(path) as stores,
    ):
        stores.wait_valkey(stores.start_valkey())
        yield stores.redis_url


@contextlib.asynccontextmanager
async def replica(client: typing.Any) -> AsyncIterator[None]:
    """While the block runs, that server is a replica, whose master does not answer."""
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        yield
    finally:
        await client.execute_command("REPLICAOF", "NO", "ONE")
