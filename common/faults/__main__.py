"""`python -m common.faults`: set, list and clear injected faults."""

import argparse
import sys
from typing import Any

from common.clock import milliseconds
from common.dependency import describe
from common.faults import KINDS, SECONDS, FaultError, add, clear, create, read
from common.redis_client import UNAVAILABLE, connect
from common.server import run
from common.settings import EXIT_STATUS, load
from common.store_settings import RedisSettings


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m common.faults", description="Inject faults (FAULTS=enabled)."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the faults that are active")
    commands.add_parser("clear", help="end all faults")
    options = commands.add_parser("set", help="set a fault")
    options.add_argument("kind", choices=KINDS, metavar="KIND", help=", ".join(KINDS))
    options.add_argument("--replica", metavar="NAME", help="one replica (default: all)")
    options.add_argument("--value", type=int, metavar="N", help="in ms or percent, see the kind")
    options.add_argument("--seconds", type=int, default=SECONDS, metavar="N", help=f"({SECONDS})")
    arguments = parser.parse_args()
    settings = load(RedisSettings)
    try:
        if settings.faults == "disabled":
            raise FaultError("faults are disabled: start all services with FAULTS=enabled")
        run(_execute(settings, **vars(arguments)), settings)
    except FaultError as error:
        print(error, file=sys.stderr)
        raise SystemExit(EXIT_STATUS) from None
    except UNAVAILABLE as error:
        raise SystemExit(f"Redis at {settings.redis_address}: {describe(error)}") from None


async def _execute(settings: RedisSettings, command: str, **options: Any) -> None:
    async with connect(settings, "faults") as client:
        if command == "set":
            await add(client, create(**options))
        elif command == "clear":
            await clear(client)
        active = await read(client)
        if command == "list" and not active:
            print("no faults are active")
        for fault in active:
            left = (fault.until - milliseconds()) / 1000
            target = fault.replica or "all replicas"
            print(f"{fault.service}, {target}: {fault}, {left:.0f} s left")


if __name__ == "__main__":
    main()
