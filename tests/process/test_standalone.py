"""One command runs the whole system. However it ends, nothing is left but the votes."""

import asyncio
import contextlib
import dataclasses
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from standalone import account, options
from tests import place as places
from tests import service, store, until
from tests.process import standing

NOBODY_ELSE = 0o700  # as root's home and pytest's folders: another user cannot pass


@pytest.fixture(name="place")
def new_place() -> Iterator[Path]:
    """A new folder, with a space in its path."""
    with places.opened() as path:
        yield path


@dataclasses.dataclass
class Kept:
    """A folder that one run leaves to the next, and the votes that it must have."""

    place: Path
    votes: int = 0


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    """One for all tests of this module."""
    with places.opened() as path:
        yield Kept(path)


def press_ctrl_c(system: standing.System) -> None:
    system.press_ctrl_c()


def send(number: signal.Signals) -> Callable[[standing.System], None]:
    return lambda system: system.run.signal(number)


ENDS = {
    "Ctrl-C": (press_ctrl_c, 0),
    "SIGTERM": (send(signal.SIGTERM), 0),
    "SIGHUP": (send(signal.SIGHUP), 0),
    "SIGKILL": (send(signal.SIGKILL), -signal.SIGKILL),
}


@pytest.mark.parametrize("how", ENDS)
async def test_votes_are_kept_and_nothing_else_is_left(
    services: service.Services, kept: Kept, how: str
) -> None:
    end, status = ENDS[how]
    system = standing.start(services, kept.place)
    await system.ready()
    assert await system.total() == kept.votes
    await system.vote("a")
    kept.votes += 1

    async def counted() -> bool:
        return await system.total() == kept.votes

    await until.true(counted)
    traces = system.traces()
    assert len(traces.processes) > 4 and traces.shared_files
    end(system)
    assert await system.ended() == status, system.run.log
    await traces.gone()
    assert "Traceback" not in system.run.log


async def test_a_second_run_on_the_same_data_is_refused_and_fresh_deletes_them(
    services: service.Services, kept: Kept
) -> None:
    first = standing.start(services, kept.place, "--fresh")
    kept.votes = 0
    await first.ready()
    assert await first.total() == 0
    second = standing.start(services, kept.place)
    assert await second.ended() == 2
    assert second.run.log.startswith("standalone: it already runs on ")
    assert f"(process {first.run.pid}): stop it first" in second.run.log
    assert await first.total() == 0
    assert await first.run.terminate() == 0


WHILE_DELETING = """
import os, pathlib, runpy, signal, sys

deleted = None

def count(event, arguments):
    global deleted
    if event == "shutil.rmtree" and pathlib.Path(arguments[0]).name.startswith("postgres"):
        deleted = 0
    if event == "os.remove" and deleted is not None:
        deleted += 1
        if deleted == {number}:
            os.kill(os.getpid(), signal.{name})

sys.addaudithook(count)
runpy.run_module("{module}", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("module", "name", "status"),
    [
        ("standalone", "SIGINT", 0),
        ("standalone", "SIGKILL", -signal.SIGKILL),
        ("standalone.remove", "SIGKILL", -signal.SIGKILL),
    ],
)
async def test_a_deletion_that_was_cut_short_is_ended_by_the_next_run(
    services: service.Services, kept: Kept, module: str, name: str, status: int
) -> None:
    system = standing.start(services, kept.place)
    await system.ready()
    assert await system.run.terminate() == 0
    kept.votes = 0
    data = kept.place / "data"
    files = sum(path.is_file() for path in (data / "postgres").rglob("*"))
    code = WHILE_DELETING.format(number=files // 2, module=module, name=name)
    with contextlib.suppress(FileExistsError):
        (kept.place / options.DATA).symlink_to("data")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code, *standing.ANY_PORTS, "--fresh"),
        cwd=kept.place,
        env={**os.environ, "PYTHONPATH": str(service.ROOT)},
    )
    assert await process.wait() == status
    assert list(data.glob("postgres*/*"))
    system = standing.start(services, kept.place)
    await system.ready()
    assert await system.total() == 0
    assert not list(data.glob("*.removed"))
    assert await system.run.terminate() == 0


async def test_each_page_leads_to_the_other_at_whatever_port(
    services: service.Services, place: Path
) -> None:
    system = standing.start(services, place)
    await system.ready()
    for page, other in (("vote", "result"), ("result", "vote")):
        assert f'href="{system.address(other)}"' in await system.text(page)
    assert await system.run.terminate() == 0


WHILE_IMPORTING = """
import os, runpy, signal, sys

class Signalling:
    def find_spec(name, path=None, target=None):
        if name == "standalone.system":
            os.kill(os.getpid(), signal.{name})

sys.meta_path.insert(0, Signalling)
runpy.run_module("standalone", run_name="__main__")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
async def test_a_signal_before_anything_has_begun(place: Path, name: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WHILE_IMPORTING.format(name=name), "--data", str(place / "data")),
        cwd=service.ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert (process.returncode, output) == (0, b"")
    assert not (place / "data").exists()


async def test_ctrl_c_while_it_starts(services: service.Services, place: Path) -> None:
    for moment in ("stores.lock", "run", "postgres.partial", "postgres/postmaster.pid"):
        # What the run before may have left would be taken for this one's.
        shutil.rmtree(place / "data" / moment, ignore_errors=True)
        system = standing.start(services, place)
        await system.has(moment)
        traces = system.traces()
        async with asyncio.timeout(standing.GONE_TIMEOUT):
            while system.run.status is None:  # to its very last moment
                with contextlib.suppress(ProcessLookupError):
                    system.press_ctrl_c()
                await asyncio.sleep(0)
        assert await system.ended() == 0, (moment, system.run.log)
        await traces.gone()
        assert "Error" not in system.run.log and "standalone:" not in system.run.log
    system = standing.start(services, place)
    await system.ready()
    assert await system.run.terminate() == 0


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ("bin/postgres", "postgres ended by itself (status -9):"),
        ("valkey-server", "valkey ended by itself (status -9):"),
        ("keeper.py", "standalone/keeper.py, ended by itself (status -9), and they with it"),
    ],
)
async def test_a_store_that_ends_by_itself_ends_the_run(
    services: service.Services, kept: Kept, part: str, told: str
) -> None:
    system = standing.start(services, kept.place)
    await system.ready()
    traces = system.traces()
    traces.server(part).kill()
    assert await system.ended() == 2
    assert told in system.run.log
    # What a killed Postgres leaves of that, its next start deletes.
    await traces.gone(but_shared_memory=part == "bin/postgres")


@pytest.mark.parametrize("name", ["vote", "result", "worker"])
async def test_a_port_in_use_is_told_with_the_option_to_change_it(
    services: service.Services, place: Path, name: str
) -> None:
    port = service.free_port()
    blocker = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", port)
    async with blocker:
        system = standing.start(services, place, f"--{name}-port", str(port))
        assert await system.ended() == 2
    assert system.run.log.splitlines() == [
        f"standalone: port {port} is in use: choose another one by --{name}-port"
    ]
    assert not (place / "data").exists()


async def test_stores_named_by_the_environment_are_used(
    services: service.Services, stores: store.Stores, place: Path
) -> None:
    system = standing.start(services, place, **stores.environment)
    await system.ready()
    assert system.traces().processes == [psutil.Process(system.run.pid)]
    assert "stores" not in system.run.log
    await system.vote("b")

    async def counted() -> bool:
        return await system.total() == 1

    await until.true(counted)
    assert await system.run.terminate() == 0
    assert not (place / "data").exists()


async def test_one_store_of_its_own_and_one_named(
    services: service.Services, stores: store.Stores, place: Path
) -> None:
    system = standing.start(services, place, DATABASE_URL=stores.database_url)
    await system.ready()
    assert "Valkey 9, kept in" in system.run.log
    assert "Postgres 18" not in system.run.log
    assert await system.run.terminate() == 0


async def test_a_place_that_is_long_odd_and_closed_to_others(
    services: service.Services, place: Path
) -> None:
    closed = place / 'it\'s, 100% "ours"'
    closed.mkdir()
    closed.chmod(NOBODY_ELSE)
    long = closed / ("long" * 30)
    long.mkdir()
    system = standing.start(services, long)
    await system.ready()
    data = long / "data"
    elsewhere = data / "elsewhere"
    base = elsewhere.readlink() if elsewhere.exists() else data
    sockets = (base / "run").resolve()
    traces = system.traces()
    assert (base / "postgres").stat().st_mode & 0o777 == NOBODY_ELSE
    assert sockets.stat().st_mode & 0o777 == NOBODY_ELSE
    system.run.signal(signal.SIGKILL)
    await system.ended()
    await traces.gone()
    assert not sockets.exists()

    data.rename(long / ".standalone")
    there = dataclasses.replace(services, folder=long)
    for _ in range(2):
        remove = there.start("standalone.remove")
        assert (await remove.ended(), remove.log) == (0, "")
        assert not (long / ".standalone").exists()
        assert base == data or not base.exists()


async def test_data_that_cannot_be_used(services: service.Services, place: Path) -> None:
    (place / "data").touch()
    system = standing.start(services, place)
    assert await system.ended() == 2
    assert system.run.log.startswith(f"standalone: {place}/data")
    assert system.run.log.endswith(": name another folder with --data\n")
    assert len(system.run.log.splitlines()) == 1


async def test_data_of_another_postgres(services: service.Services, place: Path) -> None:
    data = place / "data"
    data.mkdir()
    account.make_folder(account.choose(data), data / "postgres")
    (data / "postgres" / "PG_VERSION").write_text("17\n")
    system = standing.start(services, place)
    assert await system.ended() == 2
    assert "was made by Postgres 17, this is Postgres 18: begin anew with --fresh" in system.run.log
    assert len(system.run.log.splitlines()) == 1


async def test_data_that_are_not_whole(services: service.Services, place: Path) -> None:
    data = place / "data"
    data.mkdir()
    account.make_folder(account.choose(data), data / "postgres")
    (data / "postgres" / "base").mkdir()
    system = standing.start(services, place)
    assert await system.ended() == 2
    assert "postgres is not empty and has no PG_VERSION: begin anew with --fresh" in system.run.log
    assert len(system.run.log.splitlines()) == 1
    assert (data / "postgres" / "base").exists()


async def test_fresh_and_a_link_to_data(services: service.Services, place: Path) -> None:
    data = place / "data"
    data.mkdir()
    (place / "mine").mkdir()
    (data / "postgres").symlink_to(place / "mine")
    system = standing.start(services, place, "--fresh")
    await system.ready()
    assert not (data / "postgres").is_symlink() and (place / "mine").is_dir()
    assert await system.run.terminate() == 0
