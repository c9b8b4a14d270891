"""`python -m standalone`: the whole system on this machine. See `options` for the command line."""

import signal
import sys


def main() -> None:
    if sys.platform == "win32":
        sys.exit("Windows itself is not supported: run this in WSL, or use Docker (compose.yaml)")
    # What follows takes a moment to import. A Ctrl-C in it needs no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from standalone import system

    system.main()


if __name__ == "__main__":
    main()
