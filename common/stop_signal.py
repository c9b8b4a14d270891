"""The signals that ask a process to stop."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Iterable

NUMBERS = (signal.SIGTERM, signal.SIGINT)


def event(
    loop: asyncio.AbstractEventLoop, numbers: Iterable[signal.Signals] = NUMBERS
) -> asyncio.Event:
    """An event of `loop` that these signals set, from now to the end of the process.

    To be called before the loop runs. Its own `add_signal_handler` holds while it runs only: a
    signal that comes just before or after would break off what the loop does there.
    """
    stop = asyncio.Event()

    def set_it(*_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped
            loop.call_soon_threadsafe(stop.set)

    for number in numbers:
        signal.signal(number, set_it)
    return stop


def block(numbers: Iterable[signal.Signals] = NUMBERS) -> None:
    """All is done: from now on these signals change nothing, not even the exit status.

    Python gives them their default action while it ends, which is to kill the process. Blocked and
    not ignored: of one that comes at this very moment Python would complain.
    """
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
