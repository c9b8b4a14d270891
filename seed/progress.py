"""How far the job is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from typing import TextIO

BAR_WIDTH = 40  # characters
BAR_INTERVAL = 0.1  # seconds between two drawings
LINE_INTERVAL = 5.0  # seconds between two lines


class Progress:
    """Tells on a stream how far the job is."""

    def __init__(self, votes: int, stream: TextIO = sys.stderr) -> None:
        self._votes = votes
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._drawn = 0.0
        self._is_open = False  # whether the cursor is in a line with a bar
        self._said = ""

    def say(self, text: str) -> None:
        """Tell an event, unless it is what was told last."""
        if text == self._said:
            return
        self._said = text
        self._end_bar()
        print(text, file=self._stream, flush=True)

    def show(self, acknowledged: int, waiting: str = "", *, final: bool = False) -> None:
        """Tell how many votes were acknowledged, and if none are for now, why."""
        now = time.monotonic()
        interval = BAR_INTERVAL if self._is_terminal else LINE_INTERVAL
        if now - self._drawn < interval and not final:
            return
        self._drawn = now
        share = acknowledged / self._votes
        text = f"{acknowledged:,} of {self._votes:,} votes"
        if waiting:
            text += f", trying again: {waiting}"
        if not self._is_terminal:
            print(text, file=self._stream, flush=True)
            return
        full = int(share * BAR_WIDTH)
        bar = f"{'█' * full}{'░' * (BAR_WIDTH - full)} {share:4.0%}  {text}"
        print(f"\r\x1b[K{bar}", end="", file=self._stream, flush=True)
        self._is_open = True
        if final:
            self._end_bar()

    def _end_bar(self) -> None:
        if self._is_open:
            print(file=self._stream)
            self._is_open = False
