"""The simulation of the benchmarks, beside what can be calculated and what was measured."""

import dataclasses
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import crowd, plot, row, run, scaling, simulation, vote_rows

DOCS = Path(__file__).parents[2] / "docs"
MEASURED = run.read(DOCS / "bench.json")
BY_FORM, BY_SCRIPT = 10.0, 20.0  # of whatever is measured
SURE = 0.0  # noise
AMPLE = simulation.Capacity(vote=1e6, worker=1e6, noise=SURE)


def steady(rate: float) -> crowd.Curve:
    return lambda _: rate


def test_with_capacity_to_spare_nothing_waits() -> None:
    capacity = simulation.Capacity(vote=2_000, worker=2_000, noise=SURE)
    course = simulation.simulate(steady(1_000), capacity, 60, seed=1)
    assert max(course.in_redis) == max(course.at_vote) == 0
    assert max(course.lag) == 0
    assert sum(course.committed) * crowd.STEP == pytest.approx(60_000, rel=0.02)


@pytest.mark.parametrize("slow_stage", ["vote", "worker"])
def test_with_too_little_the_queue_grows_by_the_difference(slow_stage: str) -> None:
    slow: dict[str, Any] = {slow_stage: 800.0}
    capacity = dataclasses.replace(AMPLE, **slow)
    course = simulation.simulate(steady(1_000), capacity, 100, seed=2)
    waiting = course.at_vote if slow_stage == "vote" else course.in_redis
    assert waiting[999] == pytest.approx((1_000 - 800) * 100, rel=0.05)
    # Who comes last waits until all before are through: the queue, divided by the rate.
    assert max(course.lag) == pytest.approx(20_000 / 800, rel=0.05)
    assert course.times[-1] == pytest.approx(100_000 / 800, rel=0.02)


def test_a_pile_takes_its_size_divided_by_the_rate() -> None:
    def burst(at: float) -> float:
        return 50_000.0 if at < 1 else 0.0

    capacity = simulation.Capacity(vote=1e9, worker=5_000, noise=SURE)
    course = simulation.simulate(burst, capacity, 1, seed=3)
    assert course.times[-1] == pytest.approx(10, rel=0.03)


def test_all_votes_arrive_and_all_are_committed_whatever_the_noise() -> None:
    capacity = simulation.Capacity(vote=3_000, worker=2_500, noise=0.3)
    course = simulation.simulate(crowd.curve(100_000, 60), capacity, 60, seed=4)
    assert sum(course.wanted) == pytest.approx(sum(course.committed))
    assert sum(course.wanted) * crowd.STEP == pytest.approx(100_000, rel=0.02)
    assert course.in_redis[-1] == course.at_vote[-1] == 0
    assert max(course.in_redis) > 0


def test_the_same_seed_gives_the_same_course() -> None:
    capacity = simulation.Capacity(vote=900, worker=900)
    courses = [simulation.simulate(steady(900), capacity, 20, seed=seed) for seed in (5, 5, 6)]
    assert courses[0] == courses[1] != courses[2]


def test_half_of_a_crowd_votes_in_the_first_quarter() -> None:
    curve = crowd.curve(1_000_000, 600)
    early = sum(curve(number / 10) for number in range(1_500)) / 10
    assert early == pytest.approx(500_000, rel=0.1)


def test_replicas_between_and_beyond_what_was_measured() -> None:
    measured = {1: 100.0, 2: 160.0, 4: 200.0}
    found = [simulation.scaled(measured, replicas) for replicas in (0, 1, 2, 3, 4, 9)]
    assert found == [0, 100, 160, 180, 200, 200]


def test_a_measured_pile_takes_as_long_as_was_measured() -> None:
    """2 M ballots waiting, as in the benchmark's row: the simulation ends when the worker did."""
    rate = simulation.measured_workers(MEASURED)[1]
    capacity = simulation.Capacity(vote=1e12, worker=rate)
    course = simulation.simulate(lambda at: 2e7 if at < 0.1 else 0.0, capacity, 0.1, seed=7)
    assert course.times[-1] == pytest.approx(2e6 / rate, rel=0.05)
    assert simulation.measured_vote(MEASURED).ours > 0


def test_the_plot_is_an_svg_with_a_line_for_each_name() -> None:
    drawing = plot.svg(
        [0.0, 1.0, 2.0],
        [plot.Panel("a < b", {"x": [0, 5, 2], "y": [1, 1, 1]}), plot.Panel("z", {"z": [0, 0, 0]})],
    )
    root = ElementTree.fromstring(drawing)
    assert len(root.findall("{*}polyline")) == 3
    assert "a < b" in [text.text for text in root.findall("{*}text")]


def test_the_cores_are_the_rate_times_the_cost() -> None:
    cost = dict.fromkeys(scaling.STAGES, 10.0) | {"vote, the page": 60.0}
    text = list(scaling.lines(cost, at_ease=42.5, mean=10_000, most=100_000))
    assert "| vote, the page | 60.0 | 0.60 | 6.00 |" in text
    assert "| all | 110.0 | 1.10 | 11.00 |" in text
    assert text[-4].endswith(": 10")  # vote: 70 µs at 100,000/s are 7 cores, each replica on 70 %
    # Redis: 20 µs.
    assert text[-2].endswith(": 50,000; to take one where few come at once costs it 42.5 µs")
    assert text[-1].endswith(": 100,000")  # Postgres: 10 µs


def test_spectators_take_the_time_of_a_broadcast_and_the_memory_of_a_client() -> None:
    rows = [
        row.Row("broadcast to 5,000 WebSockets, last one served", "", 35.0, "ms", "", None),
        row.Row("broadcast to 5,000 WebSockets, memory a client", "", 16.0, "KiB", "", None),
    ]
    measured = run.Run("a machine", False, {each.row: each for each in rows})
    # 7 µs a client: two events a second for each of 100,000 are 1.4 cores, each replica on 70 %.
    [line] = scaling.audience(measured, 100_000)
    assert line.endswith(": 2, with 781 MiB each for their connections")


def test_the_crowd_peaks_at_three_times_its_mean() -> None:
    assert crowd.peak(6_000_000, 600) == pytest.approx(30_000, rel=0.05)


def test_what_comes_while_postgres_is_away_waits_and_is_stored_after() -> None:
    capacity = simulation.Capacity(vote=1e6, worker=3_000, noise=SURE, away=(10, 30))
    course = simulation.simulate(steady(1_000), capacity, 60, seed=8)
    assert max(course.in_redis) == pytest.approx(20 * 1_000, rel=0.05)
    assert max(course.lag) == pytest.approx(20, rel=0.05)
    # What has piled up goes at what the worker can do beyond what still comes.
    assert course.emptied(30) == pytest.approx(30 + 20_000 / (3_000 - 1_000), rel=0.05)


def test_only_the_rows_of_workers_on_the_same_cores_are_points_of_one_line() -> None:
    workers = simulation.measured_workers(MEASURED)
    assert list(workers) == [1, 2, 4]
    assert workers[2] == MEASURED.rows["worker: ballots committed, 2 workers"].ours


@pytest.mark.parametrize("slow_stage", ["vote", "worker"])
def test_a_stage_that_passes_less_than_a_vote_in_a_step_passes_them_all(slow_stage: str) -> None:
    slow: dict[str, Any] = {slow_stage: 0.5}
    capacity = dataclasses.replace(AMPLE, **slow)
    course = simulation.simulate(lambda at: 100.0 if at < 0.1 else 0.0, capacity, 1, seed=9)
    votes = sum(course.wanted) * crowd.STEP
    assert sum(course.committed) == sum(course.wanted)
    assert course.times[-1] == pytest.approx(votes / 0.5, abs=1)


@pytest.mark.parametrize("never", [{"vote": 0.0}, {"worker": -1.0}, {"away": (5.0, math.inf)}])
def test_what_never_gets_through_is_given_up(
    never: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "LONGEST", 60)
    with pytest.raises(simulation.Endless, match="not through after 70 s"):
        simulation.simulate(steady(1), dataclasses.replace(AMPLE, **never), 10, seed=10)


def test_the_votes_that_are_simulated_are_those_that_are_measured() -> None:
    names = [f"{name}, rate" for name in (vote_rows.SCRIPT, vote_rows.FORM)]
    assert names == [simulation.VOTE, simulation.VOTE_BY_FORM]


def measured(names: dict[str, float]) -> run.Run:
    rows = {name: row.Row(name, "", ours, "", "", None) for name, ours in names.items()}
    return run.Run("a machine", False, rows)


def test_what_people_with_scripts_do_is_counted() -> None:
    """By the page's script, not by its form, wherever a run has measured both."""
    rows = dict.fromkeys(MEASURED.rows, BY_FORM) | {
        "vote: votes by the page's script, rate": BY_SCRIPT,
        "CPU of a vote by the script: Valkey, to take it": BY_SCRIPT,
        "CPU of a vote by the script, at ease: vote": BY_SCRIPT,
        "CPU of a vote by the script, at ease: Valkey, to take it": BY_SCRIPT,
    }
    both = measured(rows)
    assert simulation.measured_vote(both).ours == BY_SCRIPT
    cost = scaling.costs(both)
    assert {stage for stage, each in cost.items() if each == BY_SCRIPT} == {
        "vote, the vote by its script",
        "Redis, to take it",
    }
    assert "lacks" not in "\n".join(scaling.capacities(both))


@pytest.mark.parametrize("path", sorted(DOCS.glob("bench*.json")), ids=lambda path: path.stem)
def test_a_run_from_before_a_row_was_measured_is_counted_with_another(path: Path) -> None:
    old = run.read(path)
    rows = {name: each for name, each in old.rows.items() if "script" not in name}
    old = dataclasses.replace(old, rows=rows)
    assert simulation.measured_vote(old) == rows["vote: form posts, rate"]
    at_ease, at_full_speed = "CPU of a vote, at ease: vote", "CPU of a vote: vote"
    counted = at_ease if at_ease in rows else at_full_speed
    assert scaling.costs(old)["vote, the vote by its script"] == rows[counted].ours
    lacking = "CPU of a vote by the script, at ease: vote"
    told = f"- it lacks the row {lacking!r}: {counted!r} is counted"
    assert told in list(scaling.capacities(old))


@pytest.mark.parametrize("path", sorted(DOCS.glob("bench*.json")), ids=lambda path: path.stem)
def test_each_run_that_is_kept_can_be_simulated(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for main in (simulation.main, scaling.main):
        svg = tmp_path / f"{main.__module__}.svg"
        command = ["program", "--bench", path, "--voters", 10_000, "--minutes", 1, "--svg", svg]
        monkeypatch.setattr(sys, "argv", [str(each) for each in command])
        main()
        assert f"Measured: {run.read(path).machine}." in capsys.readouterr().out
        assert svg.exists()


@pytest.mark.parametrize("main", [simulation.main, scaling.main])
def test_the_figures_of_a_quick_run_are_not_printed_without_a_word(
    main: Callable[[], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, svg = tmp_path / "bench.json", tmp_path / "x.svg"
    run.write(path, "a machine", MEASURED.rows.values(), quick=True)
    command = ["program", "--bench", path, "--voters", 10_000, "--minutes", 1, "--svg", svg]
    monkeypatch.setattr(sys, "argv", [str(each) for each in command])
    main()
    told = "Measured: a machine; a quick run: the figures mean little."
    assert told in capsys.readouterr().out.splitlines()


def test_the_plot_of_the_document_can_be_drawn_by_the_command_that_it_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (DOCS / "scaling.md").read_text()
    named = re.search(r"`python -m bench\.simulation (?P<options>[^`]+)`", text)
    in_table = re.search(r"^\| 1 \|.*\| (?P<count>[\d,]+): \d+ MiB \|", text, re.MULTILINE)
    assert named
    assert in_table
    monkeypatch.chdir(DOCS.parent)
    svg = str(tmp_path / "x.svg")
    monkeypatch.setattr(sys, "argv", ["program", *named["options"].split(), "--svg", svg])
    simulation.main()
    assert f" {in_table['count']} in Redis;" in capsys.readouterr().out
