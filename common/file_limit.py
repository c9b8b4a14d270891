"""How many files and connections this process may have open."""

import contextlib
import sys

ENOUGH = 65_536


def lift() -> None:
    """Takes as many as the system lets this process have, `ENOUGH` at most.

    A shell's soft limit is 1,024 often, for programs with select(). A thousand silent connections
    would then keep all others out.
    """
    if sys.platform == "win32":
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(hard, ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):  # macOS has a limit below the hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
