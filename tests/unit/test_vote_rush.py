"""Pages that were made a moment ago."""

import gzip
import time

import pytest

from vote import rush


class Maker:
    """Counts the pages that it makes."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> str:
        self.count += 1
        return f"<p>page {self.count} ü"


def test_the_same_page_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rush, "LIFE", 60.0)
    pages, make = rush.Pages(), Maker()
    first, again, other = (pages.get(key, make) for key in ("a", "a", "b"))
    assert first is again
    assert first.html.decode() == "<p>page 1 ü"
    assert other.html.decode() == "<p>page 2 ü"
    assert gzip.decompress(first.gzipped) == first.html


def test_a_page_is_made_anew_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pages, make = rush.Pages(), Maker()
    pages.get("a", make)
    now[0] += rush.LIFE * 0.9
    assert pages.get("a", make).html.decode() == "<p>page 1 ü"
    now[0] += rush.LIFE * 0.2
    assert pages.get("a", make).html.decode() == "<p>page 2 ü"


def test_not_too_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rush, "LIFE", 60.0)
    pages, make = rush.Pages(), Maker()
    for number in range(10 * rush.MOST):
        pages.get(number, make)
        assert len(pages._made) <= rush.MOST
