"""A small simulation of the whole way: how long the queues get, and how late a vote is counted.

`python -m bench.simulation` takes the capacities from a run of the benchmarks and plots a crowd.
Time goes in steps; what arrives in a step is a Poisson number, and each stage passes on, oldest
first, as many votes as it can in a step. The same seed gives the same numbers.
"""

import argparse
import bisect
import itertools
import math
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench import argument, crowd, plot, row, run

LONGEST = 86_400  # seconds from the end of a crowd until its simulation is given up
VOTE = "vote: votes by the page's script, rate"
VOTE_BY_FORM = "vote: form posts, rate"
WORKERS = re.compile(r"worker: ballots committed, (?P<number>\d+) workers?")
ONE_WORKER = "worker: ballots committed, 1 worker"
NORMAL_FROM = 50  # a Poisson number with a larger mean is drawn as a normal one


class Endless(ValueError):  # noqa: N818 (a state)
    """With that capacity the votes are not through `LONGEST` after the crowd."""


@dataclass(frozen=True)
class Capacity:
    """What the deployed stages can do, in votes a second. `noise`: its relative deviation."""

    vote: float  # all replicas together, as many as Redis can take at most
    worker: float  # all replicas together, as many as Postgres can take at most
    noise: float = 0.05
    away: tuple[float, float] = (0.0, 0.0)  # seconds, from and until: Postgres stores nothing


@dataclass
class Course:
    """What happened, one number a step. Queues in votes, `lag` in seconds."""

    times: list[float] = field(default_factory=list)
    wanted: list[float] = field(default_factory=list)  # votes a second
    accepted: list[float] = field(default_factory=list)
    committed: list[float] = field(default_factory=list)
    at_vote: list[int] = field(default_factory=list)  # people whose vote is not answered yet
    in_redis: list[int] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)  # from cast to commit, of who casts then

    def emptied(self, since: float) -> float:
        """When nothing waits in Redis any more, for the first time from `since` on."""
        waiting = zip(self.times, self.in_redis, strict=True)
        return next(at for at, count in waiting if at >= since and not count)


def simulate(curve: crowd.Curve, capacity: Capacity, seconds: float, seed: int) -> Course:
    """A crowd that votes by `curve` for so many seconds, and on until all is committed.

    Raises `Endless`.
    """
    dice = random.Random(seed)
    course = Course()
    vote, worker = (
        _passing(dice, rate, capacity.noise) for rate in (capacity.vote, capacity.worker)
    )
    at_vote = in_redis = 0
    cast: list[int] = []  # totals after each step
    stored: list[int] = []
    for number in itertools.count():
        at = number * crowd.STEP
        if at >= seconds and not at_vote and not in_redis:
            break
        if at >= seconds + LONGEST:
            raise Endless(f"{at_vote + in_redis:,} votes are not through after {at:,.0f} s")
        arrived = _poisson(dice, curve(at) * crowd.STEP) if at < seconds else 0
        at_vote += arrived
        accepted = min(at_vote, next(vote))
        at_vote -= accepted
        # What is pushed in this step can be claimed in it: the worker waits for it.
        in_redis += accepted
        stored_now = next(worker)
        committed = 0 if capacity.away[0] <= at < capacity.away[1] else min(in_redis, stored_now)
        in_redis -= committed
        cast.append(arrived + (cast[-1] if cast else 0))
        stored.append(committed + (stored[-1] if stored else 0))
        course.times.append(at)
        course.wanted.append(arrived / crowd.STEP)
        course.accepted.append(accepted / crowd.STEP)
        course.committed.append(committed / crowd.STEP)
        course.at_vote.append(at_vote)
        course.in_redis.append(in_redis)
    # First in, first out: who casts in a step is counted when as many are stored.
    course.lag = [
        (bisect.bisect_left(stored, total) - step) * crowd.STEP for step, total in enumerate(cast)
    ]
    return course


def scaled(measured: Mapping[int, float], replicas: int) -> float:
    """The capacity of so many replicas: between measured points a straight line.

    Beyond the last point it stays what it was there: nothing was seen that promises more.
    """
    points = sorted({0: 0.0, **measured}.items())
    for (left, low), (right, high) in itertools.pairwise(points):
        if replicas <= right:
            return low + (high - low) * (replicas - left) / (right - left)
    return points[-1][1]


def measured_workers(measured: run.Run) -> dict[int, float]:
    """What workers commit: ballots/s by their number. Raises `run.Unusable`."""
    rates = {
        int(found["number"]): each.ours
        for name, each in measured.rows.items()
        if (found := WORKERS.fullmatch(name))
    }
    return {1: measured.rows[ONE_WORKER].ours, **rates}


def measured_vote(measured: run.Run) -> row.Row:
    """The votes a second by the page's script that the vote processes take; those by the form
    where the run has no others. Raises `run.Unusable`.
    """
    return measured.first(VOTE, VOTE_BY_FORM)


def drawn(course: Course) -> str:
    """The course as an SVG."""
    rates = {"cast": course.wanted, "accepted": course.accepted, "committed": course.committed}
    waiting = {"for their answer": course.at_vote, "in Redis": course.in_redis}
    return plot.svg(
        course.times,
        [
            plot.Panel("votes a second", rates),
            plot.Panel("votes that wait", waiting),
            plot.Panel("seconds from cast to commit", {"lag": course.lag}),
        ],
    )


def _poisson(dice: random.Random, mean: float) -> int:
    if mean > NORMAL_FROM:
        return max(0, round(dice.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, dice.random()
    while product > limit:
        count += 1
        product *= dice.random()
    return count


def _passing(dice: random.Random, rate: float, noise: float) -> Iterator[int]:
    """How many votes can pass in each step at that rate."""
    part = 0.0  # of a vote, which counts in the next step
    while True:
        part += max(0.0, rate * crowd.STEP * dice.gauss(1, noise))
        whole = int(part)
        part -= whole
        yield whole


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.simulation", description=__doc__)
    parser.add_argument("--bench", type=Path, default=run.FILE)
    parser.add_argument("--voters", type=argument.count, default=10_000_000)
    parser.add_argument("--minutes", type=argument.minutes, default=10)
    parser.add_argument("--vote", type=argument.rate, help="votes/s that all vote replicas take")
    parser.add_argument("--workers", type=argument.count, default=1)
    parser.add_argument(
        "--away",
        type=float,
        nargs=2,
        default=(0.0, 0.0),
        metavar=("FROM", "UNTIL"),
        help="seconds between which Postgres stores nothing",
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--svg", type=Path, default=Path("build/simulation.svg"))
    chosen = parser.parse_args()
    if not 0 <= chosen.away[0] <= chosen.away[1]:
        parser.error("argument --away: it takes 0 <= FROM <= UNTIL")
    seconds = chosen.minutes * 60
    try:
        measured = run.read(chosen.bench)
        told = [measured.told]
        vote = chosen.vote
        if vote is None:
            found = measured_vote(measured)
            vote = found.ours
            if found.row != VOTE:
                told.append(run.instead(VOTE, found.row))
        worker = scaled(measured_workers(measured), chosen.workers)
        capacity = Capacity(vote=vote, worker=worker, away=tuple(chosen.away))
        course = simulate(crowd.curve(chosen.voters, seconds), capacity, seconds, chosen.seed)
        chosen.svg.parent.mkdir(parents=True, exist_ok=True)
        chosen.svg.write_text(drawn(course))
    except (run.Unusable, Endless, OSError) as trouble:
        raise SystemExit(f"{parser.prog}: {trouble}") from None
    print("\n".join(told))
    print(
        f"vote {row.number(vote)}/s, {chosen.workers} worker(s) {worker:,.0f}/s:"
        f" peak {max(course.wanted):,.0f} votes/s wanted;"
        f" at most {max(course.at_vote):,} unanswered, {max(course.in_redis):,} in Redis;"
        f" counted after {max(course.lag):.1f} s at most; done at {course.times[-1]:.0f} s"
    )


if __name__ == "__main__":
    main()
