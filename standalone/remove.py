"""`python -m standalone.remove`: delete all votes of `make run`. Needs no installed package."""

import sys
from pathlib import Path

from standalone.child import SetupError
from standalone.command import DATA
from standalone.folder import remove

if __name__ == "__main__":
    try:
        remove(Path(DATA))
    except (SetupError, OSError) as error:
        sys.exit(f"standalone: {error}")
