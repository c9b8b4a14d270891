"""Controls of the direction of text (Unicode's annex 9), which turn round what follows them.

Letters of any direction need none, and marks (U+200E, U+200F, U+061C) turn nothing.
"""

import unicodedata

EMBEDDINGS = "\u202a\u202b\u202d\u202e"
END_OF_EMBEDDING = "\u202c"
ISOLATES = "\u2066\u2067\u2068"
END_OF_ISOLATE = "\u2069"
CONTROLS = EMBEDDINGS + END_OF_EMBEDDING + ISOLATES + END_OF_ISOLATE


def unclosed(text: str) -> str | None:
    """The first control in `text` that is not closed there; None: all are."""
    opened: list[str] = []
    for letter in text:
        if letter in EMBEDDINGS + ISOLATES:
            opened.append(letter)
        elif letter == END_OF_EMBEDDING and opened and opened[-1] in EMBEDDINGS:
            opened.pop()
        elif letter == END_OF_ISOLATE and any(each in ISOLATES for each in opened):
            while opened.pop() not in ISOLATES:  # it ends the embeddings in it as well
                pass
    return opened[0] if opened else None


def check(text: str) -> None:
    """Raises ValueError for a control that would turn round what stands behind `text`."""
    control = unclosed(text)
    if control:
        end = END_OF_EMBEDDING if control in EMBEDDINGS else END_OF_ISOLATE
        raise ValueError(
            f"{_code(control)} ({unicodedata.name(control).lower()}) is not closed: it would turn "
            f"round what follows it; remove it, or close it with {_code(end)}"
        )


def without(text: str) -> str:
    """`text` without these controls: a part of a text may have lost the end of one."""
    return "".join(letter for letter in text if letter not in CONTROLS)


def _code(letter: str) -> str:
    return f"U+{ord(letter):04X}"
