"""`python -m common.wait redis db`: return once each store answers.

Init containers and Compose run it. It takes the settings of the service itself. Exit status: 0 if
all stores answer, 1 if one does not answer in time, 2 if a setting is wrong.
"""

import argparse
import asyncio
import sys

from common.dependency import describe
from common.settings import SettingsError, exit_with, load
from common.store_settings import DatabaseSettings, RedisSettings

INTERVAL = 0.5  # seconds between two attempts
ANSWER = 5.0  # seconds that an attempt waits for an answer


async def ping_redis() -> None:
    """Raise an exception unless Redis answers."""
    from common import redis_client  # an image has only the clients that its service needs

    async with redis_client.connect(load(RedisSettings), "wait") as client, asyncio.timeout(ANSWER):
        await client.ping()


async def ping_db() -> None:
    """Raise an exception unless Postgres answers."""
    from common import postgres_client  # as above

    connection = await postgres_client.connect(load(DatabaseSettings), "wait")
    connection.terminate()


STORES = {"redis": ping_redis, "db": ping_db}


async def wait(seconds: float, *names: str) -> None:
    """Return once each of the stores has answered. Say what is waited for, and why.

    Raises:
        TimeoutError: They have not answered within that many `seconds`.
    """
    async with asyncio.timeout(seconds):
        for name in names:
            await _wait_for(name)


async def _wait_for(name: str) -> None:
    reason = None
    while True:
        try:
            await STORES[name]()
        except SettingsError:
            raise
        except Exception as error:  # the store cannot be used yet, for any reason
            if reason != describe(error):
                reason = describe(error)
                print(f"waiting for {name}: {reason}", file=sys.stderr, flush=True)
            await asyncio.sleep(INTERVAL)
        else:
            print(f"{name} answers", file=sys.stderr, flush=True)
            return


def main() -> None:
    """Read the command line and wait."""
    parser = argparse.ArgumentParser(prog="python -m common.wait", description=__doc__)
    parser.add_argument("store", nargs="+", choices=sorted(STORES))
    parser.add_argument("--timeout", type=float, default=300.0, help="seconds (default: 300)")
    arguments = parser.parse_args()
    try:
        asyncio.run(wait(arguments.timeout, *arguments.store))
    except SettingsError as error:
        exit_with(error)
    except TimeoutError:
        sys.exit(f"{' and '.join(arguments.store)} did not answer within {arguments.timeout:g} s")


if __name__ == "__main__":
    main()
