"""What a poll of many voters takes: cores and replicas, from the costs that a run has measured.

`python -m bench.scaling --bench docs/bench.json` prints the table that docs/scaling.md has.
"""

import argparse
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import argument, crowd, row, run, simulation

BROADCAST = re.compile(r"broadcast to (?P<clients>[\d,]+) WebSockets, last one served")
CLIENTS = 5_000  # of a whole run
EVENTS = 2  # that a spectator is told a second: the numbers, and the state of the pipeline
BUSY = 0.7  # of a core that a replica is planned to use
SEED = 1
BEGIN, END = "<!-- figures -->", "<!-- end -->"
SHOWN = (
    *("vote: form", "vote: votes by", "votes at ease", "votes by the script at ease"),
    *("worker: ballots", "broadcast to", "memory of", "disk of"),
)
PAGE, VOTE = "CPU of a page: ", "CPU of a vote: "
BY_SCRIPT, BY_SCRIPT_AT_EASE = (
    "CPU of a vote by the script: ",
    "CPU of a vote by the script, at ease: ",
)
SHOWS, CASTS = "vote, the page", "vote, the vote by its script"
TAKES, HANDS_OVER = "Redis, to take it", "Redis, to hand it over"
# Vote as its replicas are planned, with room; Redis as it is with all of them: what comes in the
# same turn waits for the disk once.
STAGES = {
    SHOWS: f"{PAGE}vote",
    CASTS: f"{BY_SCRIPT_AT_EASE}vote",
    TAKES: f"{BY_SCRIPT}Valkey, to take it",
    HANDS_OVER: f"{VOTE}Valkey, to hand it over",
    "worker": f"{VOTE}worker",
    "Postgres": f"{VOTE}Postgres",
}
TAKES_AT_EASE = f"{BY_SCRIPT_AT_EASE}Valkey, to take it"


class NoMarks(Exception):  # noqa: N818 (a state)
    """The document has no marked part. Its text names it."""


def costs(measured: run.Run) -> dict[str, float]:
    """µs of a core for one vote, by the stage. Raises `run.Unusable`."""
    return {stage: _cost(measured, name).ours for stage, name in STAGES.items()}


def _cost(measured: run.Run, name: str) -> row.Row:
    """That of a vote by the form where the run is from before there was one by the script; and at
    full speed where it is from before there was one at ease.
    """
    by_form = name.replace(" by the script", "")
    return measured.first(name, by_form, by_form.replace(", at ease", ""))


def lines(cost: Mapping[str, float], at_ease: float, mean: float, most: float) -> Iterator[str]:
    """The table, in Markdown. `at_ease`: µs for Redis to take a vote where few come at once."""
    at_mean, at_peak = f"cores at the mean, {mean:,.0f}/s", f"at the peak, {most:,.0f}/s"
    yield f"| | µs of a core a vote | {at_mean} | {at_peak} |"
    yield "| --- | ---: | ---: | ---: |"
    for stage, each in [*cost.items(), ("all", sum(cost.values()))]:
        yield f"| {stage} | {each:.1f} | {each * mean / 1e6:.2f} | {each * most / 1e6:.2f} |"
    vote = cost[SHOWS] + cost[CASTS]
    redis = cost[TAKES] + cost[HANDS_OVER]
    yield ""
    yield f"- vote replicas at the peak, each on {BUSY:.0%} of a core: {_replicas(vote, most)}"
    yield f"- worker replicas at the peak, likewise: {_replicas(cost['worker'], most)}"
    yield (
        f"- votes a second that one core of Redis carries: {1e6 / redis:,.0f}; to take one where"
        f" few come at once costs it {at_ease:.1f} µs"
    )
    yield f"- votes a second that one core of Postgres carries: {1e6 / cost['Postgres']:,.0f}"


def audience(measured: run.Run, spectators: int) -> Iterator[str]:
    """What `spectators` take, who are each told the numbers and the state of the pipeline once a
    second: of the time of one broadcast, and of the memory of a client. Raises `run.Unusable`.
    """
    rows = measured.rows
    found = next(filter(None, map(BROADCAST.fullmatch, rows)), None)
    clients = int(found["clients"].replace(",", "")) if found else CLIENTS
    last = rows[f"broadcast to {clients:,} WebSockets, last one served"].ours
    replicas = _replicas(last * 1000 / clients, EVENTS * spectators)
    room = rows[f"broadcast to {clients:,} WebSockets, memory a client"].ours / 1024
    yield (
        f"- result replicas for {spectators:,} spectators, likewise: {replicas}, with"
        f" {spectators / replicas * room:,.0f} MiB each for their connections"
    )


def _replicas(cost: float, rate: float) -> int:
    return math.ceil(cost * rate / 1e6 / BUSY)


def capacities(measured: run.Run) -> Iterator[str]:
    """What else of the run counts here, as it was measured."""
    yield measured.told
    yield ""
    for name in (*STAGES.values(), TAKES_AT_EASE):
        if (counted := _cost(measured, name).row) != name:
            yield f"- {run.instead(name, counted)}"
    for name, each in measured.rows.items():
        if name.startswith(SHOWN):
            yield f"- {name}: {row.number(each.ours)} {each.unit}"
    yield ""


def simulated(measured: run.Run, voters: int, seconds: float, svg: Path) -> Iterator[str]:
    """The course with as many vote replicas as the peak needs, and one and more workers.

    Once with Postgres there, and once with it away for a tenth of the time, from the peak on, which
    is drawn, with one worker. Raises `run.Unusable`, `simulation.Endless`.
    """
    waiting = measured.rows["memory of a waiting vote, Valkey"].ours
    curve, vote = crowd.curve(voters, seconds), crowd.peak(voters, seconds) * 1.05
    away = (seconds / 60, seconds / 60 + seconds / 10)
    yield ""
    yield "Simulated, with vote replicas for the peak: the longest lag from a vote to commit; and"
    yield f"the same with Postgres away for {away[1] - away[0]:.0f} seconds, from the peak on:"
    yield ""
    yield "| workers | ballots/s | lag | lag, away | in Redis, away | caught up after |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for number, rate in sorted(simulation.measured_workers(measured).items()):
        there, outage = (
            simulation.simulate(
                curve, simulation.Capacity(vote=vote, worker=rate, away=between), seconds, SEED
            )
            for between in ((0.0, 0.0), away)
        )
        most = max(outage.in_redis)
        memory = most * waiting / 2**20
        yield (
            f"| {number} | {rate:,.0f} | {max(there.lag):.1f} s | {max(outage.lag):.1f} s"
            f" | {most:,}: {memory:,.0f} MiB | {outage.emptied(away[1]) - away[1]:.0f} s |"
        )
        if number == 1:
            svg.write_text(simulation.drawn(outage))


def around(document: Path) -> tuple[str, str]:
    """What is before and after its marked part. Raises `NoMarks`, OSError."""
    before, begin, rest = document.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoMarks(f"{document} has no part from {BEGIN} to {END}; it is as it was")
    return before, after


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--bench", type=Path, default=run.FILE)
    parser.add_argument("--voters", type=argument.count, default=10_000_000)
    parser.add_argument("--minutes", type=argument.minutes, default=10)
    parser.add_argument("--spectators", type=argument.count, default=100_000)
    parser.add_argument("--svg", type=Path, default=Path("build/scaling.svg"))
    parser.add_argument("--write", type=Path, help="the document whose marked part is replaced")
    chosen = parser.parse_args()
    seconds = chosen.minutes * 60
    svg = chosen.write.with_suffix(".svg") if chosen.write else chosen.svg
    most = crowd.peak(chosen.voters, seconds)
    try:
        before, after = around(chosen.write) if chosen.write else ("", "")
        measured = run.read(chosen.bench)
        svg.parent.mkdir(parents=True, exist_ok=True)
        text = "\n".join(
            [
                *capacities(measured),
                *lines(
                    costs(measured),
                    _cost(measured, TAKES_AT_EASE).ours,
                    chosen.voters / seconds,
                    most,
                ),
                *audience(measured, chosen.spectators),
                *simulated(measured, chosen.voters, seconds, svg),
            ]
        )
    except (NoMarks, run.Unusable, simulation.Endless, OSError) as trouble:
        raise SystemExit(f"{parser.prog}: {trouble}") from None
    print(text)
    if chosen.write:
        chosen.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
