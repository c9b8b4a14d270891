"""The wheel: its commands run the system without the repository."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from common import __version__
from standalone.child import start
from tests import place as places
from tests import service
from tests.process import standing

pytestmark = pytest.mark.xdist_group("package")  # one installation for all tests
UV = (sys.executable, "-m", "uv")
LOCKED = ("--constraints", f"{service.ROOT}/requirements/run.txt")


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """The folder of the commands, in an environment of their own."""
    with places.opened() as folder:
        build = (*UV, "build", "--wheel", "--no-build-isolation", "--python", sys.executable)
        subprocess.run([*build, "--out-dir", folder, service.ROOT], check=True)
        subprocess.run([*UV, "venv", "--python", sys.executable, folder / "venv"], check=True)
        python, (wheel,) = folder / "venv" / "bin" / "python", folder.glob("*.whl")
        install = [*UV, "pip", "install", "--python", str(python), *LOCKED, str(wheel)]
        # make has filled uv's cache; only an empty one needs the index.
        if subprocess.run([*install, "--offline"], check=False).returncode:
            subprocess.run(install, check=True)
        yield python.parent


@pytest.fixture(name="place")
def new_place() -> Iterator[Path]:
    """A working directory whose content has the names of packages."""
    with places.opened() as path:
        for name in ("common", "vote", "worker", "result", "redis"):
            (path / f"{name}.py").write_text("raise SystemExit('from the working directory')")
        yield path


def environment(place: Path) -> dict[str, str]:
    """Return an environment without settings and without the repository."""
    return {"PATH": os.defpath, "HOME": str(place), "HOST": "127.0.0.1"}


def launch(
    services: service.Services, place: Path, program: Path, *options: str
) -> service.Service:
    log = services.folder / f"{program.name}-{len(services.started)}.log"
    child = start(program.name, [program, *options], log=log, cwd=place, env=environment(place))
    services.started.append(service.Service(program.name, 0, child))
    return services.started[-1]


def test_the_commands_name_their_version_and_their_options(installed: Path, place: Path) -> None:
    for name, option, text in (
        ("voting", "--version", __version__),
        ("voting", "--help", "usage: voting "),
        ("voting-seed", "--help", "usage: voting-seed "),
    ):
        command = [str(installed / name), option]
        said = subprocess.run(
            command, cwd=place, env=environment(place), capture_output=True, text=True, check=True
        )
        assert text in said.stdout
    assert list(place.glob(".*")) == []  # nothing was made


async def test_two_systems_run_at_once_from_any_folder(
    services: service.Services, installed: Path, place: Path
) -> None:
    first, second = (
        standing.System(
            launch(services, place, installed / "voting", *standing.ANY_PORTS, *options), place
        )
        for options in ((), ("--data", "other"))
    )
    for system in (first, second):
        await system.ready()
        pages = (f"--url={system.address('vote')}", f"--verify={system.address('result')}")
        seed = launch(services, place, installed / "voting-seed", *pages, "--votes=100", "--exact")
        assert await seed.ended() == 0, seed.log
        assert await system.total() == 100
    assert f"{place}/other\n" in second.run.log
    assert re.search(f"data in .*{place.name}/.*cats-vs-dogs-voting\n", first.run.log)  # HOME

    chinese = {"Accept-Language": "zh-CN"}
    async with aiohttp.ClientSession(headers=chinese) as client:
        for page in ("vote", "result"):
            async with client.get(first.address(page)) as answer:
                assert answer.status == 200
                assert 'lang="zh' in await answer.text()
    traces = first.traces()
    for system in (first, second):
        assert await system.run.terminate() == 0
    await traces.gone()
