"""What a poll of many voters takes: cores and replicas, from the costs that a run has measured.

`python -m bench.scaling --bench docs/bench.json` prints the table that docs/scaling.md has.
"""

import argparse
import json
import math
import re
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import row, simulation

BROADCAST = re.compile(r"broadcast to (?P<clients>[\d,]+) WebSockets, last one served")
EVENTS = 2  # that a spectator is told a second: the numbers, and the state of the pipeline
BUSY = 0.7  # of a core that a replica is planned to use
SEED = 1
BEGIN, END = "<!-- figures -->", "<!-- end -->"
SHOWN = ("vote: form", "worker: ballots", "broadcast to", "memory of", "disk of")
PAGE, VOTE = "CPU of a page: ", "CPU of a vote: "
STAGES = {
    "vote, the page": f"{PAGE}vote",
    "vote, the form post": f"{VOTE}vote",
    "Redis, to take it": f"{VOTE}Valkey, to take it",
    "Redis, to hand it over": f"{VOTE}Valkey, to hand it over",
    "worker": f"{VOTE}worker",
    "Postgres": f"{VOTE}Postgres",
}


def costs(path: Path) -> dict[str, float]:
    """µs of a core for one vote, by the stage."""
    rows = _rows(path)
    return {stage: float(rows[name]) for stage, name in STAGES.items()}


def _rows(path: Path) -> dict[str, typing.Any]:
    return {each["row"]: each["ours"] for each in json.loads(path.read_text())["rows"]}


def lines(cost: Mapping[str, float], mean: float, most: float) -> Iterator[str]:
    """The table, in Markdown."""
    at_mean, at_peak = f"cores at the mean, {mean:,.0f}/s", f"at the peak, {most:,.0f}/s"
    yield f"| | µs of a core a vote | {at_mean} | {at_peak} |"
    yield "| --- | ---: | ---: | ---: |"
    for stage, each in [*cost.items(), ("all", sum(cost.values()))]:
        yield f"| {stage} | {each:.1f} | {each * mean / 1e6:.2f} | {each * most / 1e6:.2f} |"
    vote = cost["vote, the page"] + cost["vote, the form post"]
    redis = cost["Redis, to take it"] + cost["Redis, to hand it over"]
    yield ""
    yield f"- vote replicas at the peak, each on {BUSY:.0%} of a core: {_replicas(vote, most)}"
    yield f"- worker replicas at the peak, likewise: {_replicas(cost['worker'], most)}"
    yield f"- votes a second that one core of Redis carries: {1e6 / redis:,.0f}"
    yield f"- votes a second that one core of Postgres carries: {1e6 / cost['Postgres']:,.0f}"


def audience(path: Path, spectators: int) -> Iterator[str]:
    """What `spectators` take, who are each told the numbers and the state of the pipeline once a
    second: of the time of one broadcast, and of the memory of a client.
    """
    rows = _rows(path)
    [(clients, last)] = [
        (int(found["clients"].replace(",", "")), ours)
        for name, ours in rows.items()
        if (found := BROADCAST.fullmatch(name))
    ]
    replicas = _replicas(last * 1000 / clients, EVENTS * spectators)
    room = rows[f"broadcast to {clients:,} WebSockets, memory a client"] / 1024
    yield (
        f"- result replicas for {spectators:,} spectators, likewise: {replicas}, with"
        f" {spectators / replicas * room:,.0f} MiB each for their connections"
    )


def _replicas(cost: float, rate: float) -> int:
    return math.ceil(cost * rate / 1e6 / BUSY)


def capacities(path: Path) -> Iterator[str]:
    """What else of the run counts here, as it was measured."""
    content = json.loads(path.read_text())
    quick = "; a quick run on a busy machine: the figures mean little" if content["quick"] else ""
    yield f"Measured: {content['machine']}{quick}."
    yield ""
    # By its name: the broadcast has one row for each of its limits.
    for name, each in {each["row"]: each for each in content["rows"]}.items():
        if name.startswith(SHOWN):
            yield f"- {name}: {row.number(each['ours'])} {each['unit']}"
    yield ""


def simulated(path: Path, voters: int, seconds: float, svg: Path) -> Iterator[str]:
    """The course with as many vote replicas as the peak needs, and one and more workers.

    Once with Postgres there, and once with it away for a tenth of the time, from the peak on, which
    is drawn, with one worker.
    """
    rows = _rows(path)
    crowd, vote = simulation.crowd(voters, seconds), simulation.peak(voters, seconds) * 1.05
    away = (seconds / 60, seconds / 60 + seconds / 10)
    yield ""
    yield "Simulated, with vote replicas for the peak: the longest lag from a vote to commit; and"
    yield f"the same with Postgres away for {away[1] - away[0]:.0f} seconds, from the peak on:"
    yield ""
    yield "| workers | ballots/s | lag | lag, away | in Redis, away | caught up after |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for number, rate in sorted(simulation.measured_workers(path).items()):
        there, outage = (
            simulation.simulate(
                crowd, simulation.Capacity(vote=vote, worker=rate, away=between), seconds, SEED
            )
            for between in ((0.0, 0.0), away)
        )
        most = max(outage.in_redis)
        memory = most * rows["memory of a waiting vote, Valkey"] / 2**20
        yield (
            f"| {number} | {rate:,.0f} | {max(there.lag):.1f} s | {max(outage.lag):.1f} s"
            f" | {most:,}: {memory:,.0f} MiB | {outage.emptied(away[1]) - away[1]:.0f} s |"
        )
        if number == 1:
            svg.write_text(simulation.drawn(outage))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("--bench", type=Path, default=Path("build/bench.json"))
    parser.add_argument("--voters", type=int, default=10_000_000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--spectators", type=int, default=100_000)
    parser.add_argument("--svg", type=Path, default=Path("build/scaling.svg"))
    parser.add_argument("--write", type=Path, help="the document whose marked part is replaced")
    chosen = parser.parse_args()
    seconds = chosen.minutes * 60
    svg = chosen.write.with_suffix(".svg") if chosen.write else chosen.svg
    svg.parent.mkdir(parents=True, exist_ok=True)
    most = simulation.peak(chosen.voters, seconds)
    text = "\n".join(
        [
            *capacities(chosen.bench),
            *lines(costs(chosen.bench), chosen.voters / seconds, most),
            *audience(chosen.bench, chosen.spectators),
            *simulated(chosen.bench, chosen.voters, seconds, svg),
        ]
    )
    print(text)
    if chosen.write:
        before, _, rest = chosen.write.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        chosen.write.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
