"""`python -m common.wait redis db`: returns once each store answers. Every deployment begins so.

It takes the settings that the service itself takes. Exit status: 0 when all answer, 1 when one did
not within the time, 2 when a setting is wrong, also when a store refuses user or password.
"""

import argparse
import asyncio
import importlib
import sys
import time
import typing
from collections.abc import Awaitable, Callable, Sequence

from common import backoff, dependency, settings

TIMEOUT = 120.0  # seconds
SAY_AGAIN = 5.0  # seconds between two lines about the same store
CHECK_TIMEOUT = 5.0  # seconds for one try
# A store that is being set up may listen before it has its users.
REFUSED_FOR = 10.0  # seconds of refused credentials until they count as wrong

Ask = Callable[[], Awaitable[None]]


class Store(typing.NamedTuple):
    """One store to wait for. `ask` raises `SettingsError` when refused, else what went wrong."""

    name: str
    address: str
    ask: Ask


class NotReadyError(Exception):
    """A store did not answer within the time. The text says which, for how long and why."""


async def until_all_answer(stores: Sequence[Store], within: float) -> None:
    """Waits for all of `stores` at once, `within` seconds at most.

    Raises `NotReadyError` for the first that stays away, `SettingsError` for one that refuses.
    """
    try:
        async with asyncio.TaskGroup() as group:
            for store in stores:
                group.create_task(until_answers(store, within))
    except ExceptionGroup as failed:  # not except*: some Pythons wrap what is raised in that
        raise failed.exceptions[0] from None


async def until_answers(store: Store, within: float) -> None:
    """Waits for one store, and says so. Raises as `until_all_answer`."""
    began = time.monotonic()
    said = refused_since = None
    refusal: settings.SettingsError | None = None
    reason = "no answer in time"
    failures = 0
    while True:
        left = within - (time.monotonic() - began)
        try:
            async with asyncio.timeout(max(0.1, min(CHECK_TIMEOUT, left))):
                await store.ask()
        except settings.SettingsError as error:
            now, reason, refusal = time.monotonic(), str(error), error
            refused_since = refused_since or now
            if now - refused_since >= REFUSED_FOR:
                raise
        except Exception as error:  # whatever it is, the store is not usable yet
            now = time.monotonic()
            # The last try may be cut short, which tells nothing new.
            if left >= CHECK_TIMEOUT or not isinstance(error, TimeoutError):
                reason, refusal, refused_since = dependency.describe(error), None, None
        else:
            _say(f"{store.name} at {store.address} answers after {_since(began)}")
            return
        failures += 1
        if now - began >= within:
            if refusal:
                raise refusal
            raise NotReadyError(
                f"{store.name} at {store.address} is not ready after {_since(began)}: {reason}"
            )
        if said is None or now - said >= SAY_AGAIN:
            said = now
            _say(f"waiting for {store.name} at {store.address}, {_since(began)} so far: {reason}")
        await asyncio.sleep(min(backoff.delay(failures), 1.0, max(0.0, within - (now - began))))


def redis_store(configured: settings.RedisSettings) -> Store:
    from common import redis_client  # the image of a service has only what that service needs

    redis_client.check_url(configured)

    async def ask() -> None:
        client = redis_client.connect(configured, "wait")
        try:
            await client.ping()
        except redis_client.Away:
            await redis_client.check_credentials(configured)
            raise
        finally:
            await client.aclose()

    return Store("redis", configured.redis_address(), ask)


def database_store(configured: settings.DatabaseSettings) -> Store:
    from common import postgres_client  # as above

    postgres_client.check_url(configured)

    async def ask() -> None:
        try:
            connection = await postgres_client.connect(configured, "wait")
        except postgres_client.Away:
            await postgres_client.check_credentials(configured)
            raise
        try:
            await connection.execute("SELECT 1")
        finally:
            connection.terminate()

    return Store("db", configured.database_address(), ask)


def stores(names: Sequence[str], module: str | None = None) -> list[Store]:
    """The stores of these names, as the environment says.

    `module` names the settings of a service: then all of these are checked, not only those of the
    stores. Raises `SettingsError`, also for a URL that cannot work.
    """
    service = settings.load(importlib.import_module(module).Settings) if module else None
    found = []
    for name in dict.fromkeys(names):
        if name == "redis":
            part = service if isinstance(service, settings.RedisSettings) else None
            found.append(redis_store(part or settings.load(settings.RedisSettings)))
        else:
            base = service if isinstance(service, settings.DatabaseSettings) else None
            found.append(database_store(base or settings.load(settings.DatabaseSettings)))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m common.wait", description=__doc__)
    parser.add_argument("store", nargs="+", choices=["redis", "db"], help="what to wait for")
    parser.add_argument(
        "--timeout", type=_seconds, default=TIMEOUT, help="seconds (default: %(default)g)"
    )
    parser.add_argument(
        "--settings",
        metavar="MODULE",
        help="also check all settings of this service, for example vote.settings",
    )
    given = parser.parse_args(arguments)
    try:
        asyncio.run(until_all_answer(stores(given.store, given.settings), given.timeout))
    except settings.SettingsError as error:
        settings.exit_with(error)
    except NotReadyError as error:
        _say(str(error))
        raise SystemExit(1) from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.1f} s"


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
