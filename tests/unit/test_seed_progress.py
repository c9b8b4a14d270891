"""The progress of the seed job: a bar on a terminal, plain lines elsewhere."""

import io

from seed import progress


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_plain_lines_elsewhere() -> None:
    stream = io.StringIO()
    told = progress.Progress(2000, stream)
    told.say("waiting")
    told.say("waiting")
    told.show(10)
    told.show(20)  # too soon after the last one
    told.show(2000, final=True)
    assert stream.getvalue() == "waiting\n10 of 2,000 votes\n2,000 of 2,000 votes\n"


def test_a_bar_on_a_terminal() -> None:
    stream = Terminal()
    told = progress.Progress(4, stream)
    told.show(1, "no answer")
    assert stream.getvalue().endswith(" 25%  1 of 4 votes, trying again: no answer")
    assert stream.getvalue().count("█") == progress.BAR_WIDTH // 4
    told.show(4, final=True)
    told.say("done")
    assert stream.getvalue().endswith("100%  4 of 4 votes\ndone\n")
