"""`python -m standalone`: the whole system on this machine. See `options` for the command line."""

import os
import signal
import sys


def main() -> None:
    if sys.platform == "win32":
        sys.exit("Windows itself is not supported: run this in WSL, or use Docker (compose.yaml)")
    # What follows takes a moment to import. A signal in it ends what has not begun.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(0))
    from standalone import system

    system.main()


if __name__ == "__main__":
    main()
