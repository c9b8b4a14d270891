"""A fail-over of Redis: another server is the master, and the old one is a replica now."""

import contextlib
import time
import typing
from collections.abc import AsyncIterator, Iterator

from standalone.child import stop
from standalone.folder import opened
from standalone.stores import Valkey
from tests import place, until


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """Start one more server, and yield its URL."""
    with place.opened("vote-test-") as path, opened(path) as data:
        server = Valkey(data)
        child = server.start()
        try:
            while not server.is_ready():
                assert child.status is None, child.describe_end()
                time.sleep(until.POLL)
            yield server.url
        finally:
            stop([child])


@contextlib.asynccontextmanager
async def replica(client: typing.Any) -> AsyncIterator[None]:
    """While the block runs, that server is a replica, whose master does not answer."""
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        yield
    finally:
        await client.execute_command("REPLICAOF", "NO", "ONE")
