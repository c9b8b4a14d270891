"""One command runs the whole system. When it ends, only the votes are left."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest

from tests import place as places
from tests import service, until
from tests.process import standing


@pytest.fixture(name="place")
def new_place() -> Iterator[Path]:
    """A new folder, with a space in its path."""
    with places.opened() as path:
        yield path


@pytest.fixture(scope="module")
def kept() -> Iterator[Path]:
    """A folder that keeps its data between tests: it need not be created each time."""
    with places.opened() as path:
        yield path


async def test_votes_are_kept_and_nothing_else_is_left(
    services: service.Services, kept: Path
) -> None:
    system = standing.start(services, kept)
    await system.ready()
    await system.vote("a")
    traces = system.traces()
    assert len(traces.processes) > 6
    system.press_ctrl_c()
    assert await system.run.ended() == 0, system.run.log
    await traces.gone()
    assert "Traceback" not in system.run.log

    system = standing.start(services, kept)
    await system.ready()
    await system.vote("b")
    traces = system.traces()
    await system.run.kill()
    await traces.gone()
    system = standing.start(services, kept)
    await system.ready()
    assert await system.total() == 2
    assert await system.run.terminate() == 0


@pytest.mark.extended
async def test_a_second_run_on_the_same_data_is_refused_and_fresh_deletes_the_votes(
    services: service.Services, kept: Path
) -> None:
    first = standing.start(services, kept)
    await first.ready()
    await first.vote("b")
    second = standing.start(services, kept, "--fresh")
    assert await second.run.ended() == 2
    assert "--data" in second.run.log
    assert await first.total() > 0
    assert await first.run.terminate() == 0
    third = standing.start(services, kept, "--fresh")
    await third.ready()
    assert await third.total() == 0
    assert await third.log_in() == 204
    for page, other in (("vote", "result"), ("result", "vote")):
        assert f'href="{third.address(other)}' in await third.text(page)


@pytest.mark.parametrize("moment", ["lock", "postgres.partial", "postgres/postmaster.pid"])
async def test_ctrl_c_while_it_starts(services: service.Services, place: Path, moment: str) -> None:
    system = standing.start(services, place)
    await until.true(lambda: (place / "data" / moment).exists(), standing.READY_TIMEOUT)
    traces = system.traces()
    while system.run.status is None:  # until its last moment
        with contextlib.suppress(ProcessLookupError):
            system.press_ctrl_c()
        await asyncio.sleep(0.001)
    assert system.run.status == 0, system.run.log
    await traces.gone()
    assert system.run.log == ""


async def test_ctrl_c_while_it_imports(services: service.Services, place: Path) -> None:
    system = standing.start(services, place, PYTHONPROFILEIMPORTTIME="1")  # logs each import
    await until.true(lambda: "| argparse" in system.run.log, what=lambda: system.run.log)
    system.press_ctrl_c()
    assert await system.run.ended() in {0, -signal.SIGINT}
    assert "Traceback" not in system.run.log


@pytest.mark.parametrize(
    "part", ["valkey-server", pytest.param("-m worker", marks=pytest.mark.extended)]
)
async def test_what_ends_by_itself_ends_the_run(
    services: service.Services, kept: Path, part: str
) -> None:
    system = standing.start(services, kept)
    await system.ready()
    traces = system.traces()
    traces.process(part).kill()
    assert await system.run.ended() == 1
    assert "exited unexpectedly (status -9)" in system.run.log
    await traces.gone()


@pytest.mark.parametrize("name", ["vote", "worker"])
async def test_a_port_in_use_is_reported_with_the_option_to_change(
    services: service.Services, place: Path, name: str
) -> None:
    port = service.free_port()
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", port):
        system = standing.start(services, place, f"--{name}-port", str(port), MAKELEVEL="1")
        assert await system.run.ended() == 2
    (line,) = system.run.log.splitlines()
    assert str(port) in line and f"make run ARGS='--{name}-port" in line
    assert not (place / "data").exists()


@pytest.mark.extended
async def test_a_path_that_is_long_odd_and_closed_to_others(
    services: service.Services, place: Path
) -> None:
    closed = place / 'it\'s, 100% "ours"' / ("long" * 30)
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    system = standing.start(services, closed)
    await system.ready()
    data = closed / "data"
    base = (data / "elsewhere").resolve() if (data / "elsewhere").exists() else data
    for name in ("postgres", "valkey", "run"):
        assert (base / name).resolve().stat().st_mode & 0o777 == 0o700
    assert await system.run.terminate() == 0

    data.rename(closed / ".standalone")
    remove = service.Services(closed).start("standalone.remove")
    assert (await remove.ended(), remove.log) == (0, "")
    assert not (closed / ".standalone").exists() and not base.exists()


async def test_data_that_cannot_be_used_are_left_alone(
    services: service.Services, place: Path
) -> None:
    (place / "data").touch()
    system = standing.start(services, place)
    assert await system.run.ended() == 2
    (line,) = system.run.log.splitlines()
    assert "--data" in line
    assert (place / "data").exists()


def is_ignored(process: psutil.Process, number: signal.Signals) -> bool:
    status = Path(f"/proc/{process.pid}/status").read_text()
    (mask,) = re.findall(r"^SigIgn:\s*(\w+)$", status, re.MULTILINE)
    return bool(int(mask, 16) & 1 << number - 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the end of a parent")
async def test_a_run_by_make_goes_on_under_nohup_and_ends_with_make(
    services: service.Services, place: Path
) -> None:
    recipe = f'exec "{sys.executable}" -m standalone {" ".join(standing.ANY_PORTS)} --data data'
    (place / "Makefile").write_text(f"run:\n\t@{recipe}\n")
    log = place / "log"
    with log.open("wb") as output:
        make = await asyncio.create_subprocess_exec(
            *("nohup", "make", "run"),
            cwd=place,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(service.ROOT)},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        await until.true(lambda: "Ctrl-C" in log.read_text(), standing.READY_TIMEOUT, log.read_text)
        (main,) = psutil.Process(make.pid).children()
        traces = standing.Traces(place, [main, *main.children(recursive=True)])
        assert is_ignored(main, signal.SIGHUP)
    finally:
        make.kill()
        await make.wait()
    await traces.gone()


async def test_a_worker_that_crashes_on_purpose_is_started_again(
    services: service.Services, kept: Path
) -> None:
    system = standing.start(services, kept, FAULTS="enabled")
    await system.ready()
    token = re.search(r"presenter token: (\S+)", system.run.log)
    assert token, system.run.log
    async with aiohttp.ClientSession(
        system.address("result"), cookie_jar=aiohttp.CookieJar(unsafe=True)
    ) as presenter:
        async with presenter.post("/system/login", json={"token": token[1]}) as answer:
            assert answer.status == 204, await answer.text()
        async with presenter.post("/system/faults", json={"kind": "worker-crash"}) as answer:
            assert answer.status == 201, await answer.text()

    async def crashed() -> bool:
        await system.vote("a")
        return "injected crash" in system.run.log

    await until.true(crashed)
    await system.vote("b")  # returns when the vote is counted
    assert await system.run.terminate() == 0
