"""The rows of the benchmarks: ratios, goals, and the table."""

import dataclasses

import pytest

from bench import row

ROW = {"row": "r", "cores": "any", "unit": "/s", "beside": "bare"}


@pytest.mark.parametrize(("ours", "met"), [(59.0, False), (60.0, True), (200.0, True)])
def test_more_is_better(ours: float, met: bool) -> None:
    made = row.at_least(0.6, ours=ours, limit=100.0, **ROW)
    assert (made.met, made.ratio) == (met, ours / 100)


@pytest.mark.parametrize(("ours", "met"), [(2.0, True), (3.0, True), (3.1, False)])
def test_less_is_better(ours: float, met: bool) -> None:
    assert row.at_most(3, ours=ours, limit=1.0, **ROW).met is met
    assert row.below(3, ours=ours, row="r", cores="any", unit="ms").met is met


def test_a_percentile() -> None:
    values = [float(number) for number in range(101)]
    assert [row.percentile(values, share) for share in (1, 50, 99)] == [1, 50, 99]


def test_the_table_has_a_column_for_each_part() -> None:
    first = row.at_least(0.6, ours=12_345.6, limit=20_000.0, **ROW)
    text = row.table([first, dataclasses.replace(first, met=None, limit=None, ours=0.1234)])
    head, one, two = text.splitlines()
    assert head.split() == list(row.COLUMNS)
    assert "12,346 /s" in one
    assert "20,000 /s (bare)" in one
    assert "0.62" in one
    assert one.endswith("yes")
    assert "0.123 /s" in two
    assert "bare" not in two
