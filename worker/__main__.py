"""`python -m worker`: the worker. With --migrate or --recount: only that, then it exits."""

import argparse
import asyncio
import gc
import sys

import asyncpg
import structlog

from common import backoff, concurrency, dependency, postgres_client, redis_client, server
from common import settings as common_settings
from worker import app, schema, settings, store

# Objects made until the garbage collector looks for cycles among them. A batch makes thousands and
# no cycle: at Python's 700 a fifth of the worker's time was the collector's (see bench/README.md).
GC_THRESHOLD = 20_000


class Stopped(Exception):  # noqa: N818 (no error)
    """The process was told to stop before it had done what it was started for."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    once = parser.add_mutually_exclusive_group()
    once.add_argument("--migrate", action="store_true", help="apply the schema, then exit")
    once.add_argument(
        "--recount",
        action="store_true",
        help="apply the schema whether or not it is there, count the tallies anew, then exit",
    )
    arguments = parser.parse_args()
    gc.set_threshold(GC_THRESHOLD)
    configured = common_settings.load_or_exit(settings.Settings)
    is_once = arguments.migrate or arguments.recount
    body = _migrate(configured, anew=arguments.recount) if is_once else _work(configured)
    try:
        server.run(configured, body)
    except Stopped:
        sys.stderr.write("stopped before the schema was applied\n")
        raise SystemExit(1) from None


def _work(configured: settings.Settings) -> server.Main:
    async def work(stop: asyncio.Event) -> None:
        await postgres_client.check_credentials(configured)
        await redis_client.check_credentials(configured)
        await app.run(configured, stop)

    return work


def _migrate(configured: settings.Settings, *, anew: bool) -> server.Main:
    async def migrate(stop: asyncio.Event) -> None:
        await concurrency.race(_apply(configured, anew=anew), _stopped(stop))

    return migrate


async def _stopped(stop: asyncio.Event) -> None:
    await stop.wait()
    raise Stopped


async def _apply(configured: settings.Settings, *, anew: bool) -> None:
    """Applies the schema, however long Postgres is away or refuses it.

    Raises SettingsError when it refuses for a reason that no waiting mends.
    """
    await postgres_client.check_credentials(configured)
    log = structlog.get_logger("migrate")
    failures = 0
    while True:
        try:
            return await schema.migrate(configured, anew=anew)
        except store.DATA_ERRORS as error:
            reason = dependency.describe(error)
            raise common_settings.SettingsError(
                f"the table votes cannot take the schema ({reason}): mend its rows first"
            ) from None
        except asyncpg.InvalidSchemaNameError as error:
            raise common_settings.SettingsError(dependency.describe(error)) from None
        except (asyncpg.PostgresError, *postgres_client.Away) as error:
            # A migration's Job waits for what is granted meanwhile; a count anew is by hand.
            if anew and isinstance(error, asyncpg.InsufficientPrivilegeError):
                raise common_settings.SettingsError(
                    f"{dependency.describe(error)}: only the owner of the tables can count them"
                    " anew, by worker/schema.sql, as docs/operations.md has it"
                ) from None
            failures += 1
            is_away = isinstance(error, postgres_client.Away)
            event = "Postgres is away" if is_away else "Postgres refuses the schema, trying again"
            log.warning(event, reason=dependency.describe(error))
            await asyncio.sleep(backoff.delay(failures))


if __name__ == "__main__":
    main()
