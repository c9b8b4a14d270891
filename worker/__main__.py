"""`python -m worker`: run the worker, or with `--migrate`, `--recount` or `--reset` only that."""

import argparse
import sys
from functools import partial

import asyncpg

from common.dependency import describe
from common.server import run, serve
from common.settings import EXIT_STATUS, load
from worker import schema
from worker.app import create_app
from worker.reset import UNAVAILABLE, reset
from worker.settings import Settings

GRACE = 1  # seconds for requests in progress; the consumer needs the rest of the ten


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m worker")
    once = parser.add_mutually_exclusive_group()
    once.add_argument("--migrate", action="store_true", help="apply the schema, then exit")
    once.add_argument("--recount", action="store_true", help="count all tallies again, then exit")
    once.add_argument("--reset", action="store_true", help="delete all votes, then exit")
    once.add_argument(
        "--no-migrate", action="store_true", help="wait until another process has applied it"
    )
    parser.add_argument("--yes", action="store_true", help="confirm --reset")
    arguments = parser.parse_args()
    settings = load(Settings)
    if arguments.migrate or arguments.recount:
        try:
            run(schema.migrate(settings, recount=arguments.recount), settings)
        except asyncpg.PostgresError as error:
            raise SystemExit(f"the schema cannot be applied: {error}") from None
    elif arguments.reset:
        _reset(settings, is_confirmed=arguments.yes)
    else:
        app = partial(create_app, migrate=not arguments.no_migrate)
        serve(app, settings, name="worker", grace=GRACE)


def _reset(settings: Settings, *, is_confirmed: bool) -> None:
    if not is_confirmed:
        sys.stderr.write(
            f"This deletes all votes: the rows of the table votes in {settings.database_address},"
            f" and in Redis at {settings.redis_address} the queue, the batches that workers have"
            " claimed and the dead letters.\nNothing is deleted yet. Add --yes to confirm.\n"
        )
        raise SystemExit(EXIT_STATUS)
    try:
        run(reset(settings), settings)
    except UNAVAILABLE as error:
        raise SystemExit(f"not all votes are deleted, try again: {describe(error)}") from None


if __name__ == "__main__":
    main()
