"""`python -m standalone`, and the commands `voting` and `voting-seed` of the package."""

import os
import signal
import sys
from pathlib import Path

PACKAGE = "cats-vs-dogs-voting"


def main() -> None:
    """Run the system from a clone."""
    _prepare()
    from standalone.command import DATA, run

    run("python -m standalone", Path(DATA))


def voting() -> None:
    """Run the installed system. Its data are where this user's programs keep theirs."""
    _prepare()
    from platformdirs import user_data_path

    from standalone.command import run

    run("voting", user_data_path(PACKAGE))


def seed() -> None:
    """Cast votes at the running system."""
    _prepare()
    from seed.__main__ import main

    main("voting-seed")


def _prepare() -> None:
    # Ctrl-C would print a traceback until the program handles it.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # In the package, the folder with `vote` and the others is not on the path.
    folder = str(Path(__file__).resolve().parents[1])
    sys.path.insert(0, folder)
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # for the services


if __name__ == "__main__":
    main()
