from bench import capacity


def test_the_page_has_the_figures_of_the_last_run() -> None:
    page = capacity.PAGE.read_text()
    assert page == capacity.page(capacity.read()), "run `python -m bench.capacity`"


def test_figures_are_rounded_down() -> None:
    assert [capacity.rounded(each) for each in (63_329, 7_104.6, 50_000, 99, 7)] == [
        *(63_000, 7_100, 50_000, 99, 7)
    ]
