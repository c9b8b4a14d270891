"""`python -m worker`: the worker. With --migrate: only applies the schema, then exits."""

import argparse
import asyncio
import gc

import structlog

from common import backoff, concurrency, postgres_client, redis_client, server
from common import settings as common_settings
from worker import app, settings, store

# Objects made until the garbage collector looks for cycles among them. A batch makes thousands and
# no cycle: at Python's 700 a fifth of the worker's time was the collector's (see bench/README.md).
GC_THRESHOLD = 20_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("--migrate", action="store_true", help="apply the schema, then exit")
    arguments = parser.parse_args()
    gc.set_threshold(GC_THRESHOLD)
    configured = common_settings.load_or_exit(settings.Settings)
    server.run(configured, _migrate(configured) if arguments.migrate else _work(configured))


def _work(configured: settings.Settings) -> server.Main:
    async def work(stop: asyncio.Event) -> None:
        await postgres_client.check_credentials(configured)
        await redis_client.check_credentials(configured)
        await app.run(configured, stop)

    return work


def _migrate(configured: settings.Settings) -> server.Main:
    async def migrate(stop: asyncio.Event) -> None:
        await postgres_client.check_credentials(configured)
        stored = store.Store(configured, migrate=True)
        failures = 0
        while not stop.is_set():
            try:
                await stored.ping()
                break
            except store.StoreAway as away:
                if isinstance(away.__cause__, store.DATA_ERRORS):
                    raise common_settings.SettingsError(
                        f"the table votes cannot take the schema ({away}): mend its rows first"
                    ) from None
                failures += 1
                structlog.get_logger("migrate").warning("Postgres is away", reason=str(away))
                await concurrency.pause(stop, backoff.delay(failures))
        await stored.close()

    return migrate


if __name__ == "__main__":
    main()
