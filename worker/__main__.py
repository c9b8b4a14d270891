"""`python -m worker`: run the worker, or with `--migrate` or `--recount` only that."""

import argparse

import asyncpg

from common.server import run, serve
from common.settings import load
from worker import schema
from worker.app import create_app
from worker.settings import Settings

GRACE = 1  # seconds for requests in progress; the consumer needs the rest of the ten


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m worker")
    once = parser.add_mutually_exclusive_group()
    once.add_argument("--migrate", action="store_true", help="apply the schema, then exit")
    once.add_argument("--recount", action="store_true", help="count all tallies again, then exit")
    arguments = parser.parse_args()
    settings = load(Settings)
    if arguments.migrate or arguments.recount:
        try:
            run(schema.migrate(settings, recount=arguments.recount), settings)
        except asyncpg.PostgresError as error:
            raise SystemExit(f"the schema cannot be applied: {error}") from None
    else:
        serve(create_app, settings, grace=GRACE)


if __name__ == "__main__":
    main()
