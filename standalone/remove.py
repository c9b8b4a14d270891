"""`python -m standalone.remove`: delete the data of `make run`. Needs nothing installed."""

import sys
from pathlib import Path

from standalone import account, folder, options, problem


def main() -> None:
    try:
        folder.remove(Path(options.DATA))
    except (account.AccountError, problem.FolderError) as why:
        sys.exit(f"standalone: {why}")


if __name__ == "__main__":
    main()
