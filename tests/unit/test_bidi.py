"""Controls of the direction of text, and whether they are closed."""

import pytest

from common import bidi

LRE, RLE, PDF, LRO, RLO = "\u202a\u202b\u202c\u202d\u202e"
LRI, RLI, FSI, PDI = "\u2066\u2067\u2068\u2069"


@pytest.mark.parametrize(
    "text",
    [
        "Cats",
        "قطط",
        "חתולים!",
        "قطط\u200f (Cats\u200e)\u061c",  # marks turn nothing that follows
        f"{RLE}قطط{PDF} {LRI}Cats{PDI}",
        f"{RLI}{LRO}abc{PDI}",  # the end of an isolate closes what was opened in it
        f"{FSI}a{FSI}b{PDI}{PDI}",
        f"a{PDF}b{PDI}",  # closes nothing, turns nothing
    ],
)
def test_all_is_closed(text: str) -> None:
    assert bidi.unclosed(text) is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"Ca{RLO}ts", RLO),
        (f"{LRE}Cats", LRE),
        (f"{RLE}{LRO}abc{PDF}", RLE),
        (f"{LRI}Cats", LRI),
        (f"{FSI}{RLI}a{PDI}", FSI),
        (f"{RLI}abc{PDF}", RLI),  # the end of an embedding closes no isolate
        (f"{RLO}a{PDI}", RLO),  # nor the other way round
        (f"{RLI}{LRE}a{PDI}{PDI}{RLE}", RLE),
    ],
)
def test_not_closed(text: str, told: str) -> None:
    assert bidi.unclosed(text) == told
