"""`docker compose up`, and what a person does next: vote, watch, seed, scale, stop, go on."""

import contextlib
import json
import pathlib
import re
import time

import aiohttp
from playwright.async_api import async_playwright, expect

from tests import until
from tests.browser import install, visitor
from tests.e2e.compose import conftest, project

STOP_WITHIN = 15.0  # seconds
WALL = {"width": 1440, "height": 900}
LIVE = "/socket.io/?EIO=4&transport=websocket"


async def test_a_vote_in_one_browser_moves_the_page_in_another(
    system: project.Project, chromium: pathlib.Path
) -> None:
    before = system.shown()
    async with contextlib.AsyncExitStack() as held:
        playwright = await held.enter_async_context(async_playwright())
        pages = []
        for url, size in ((system.result_url, WALL), (system.vote_url, visitor.PHONE)):
            browser = await playwright.chromium.launch(
                executable_path=chromium, args=list(install.FLAGS)
            )
            held.push_async_callback(browser.close)
            person = await held.enter_async_context(visitor.arrived(browser, viewport=size))
            await person.open(url)
            pages.append(person.page)
        wall, phone = pages
        await expect(wall.locator("#health")).to_have_text("All is well", timeout=20_000)
        await phone.locator(".option[value=a]").click()
        await expect(phone.locator("#notice")).to_have_text(
            "Your vote for Cats is in. You can change it."
        )
        await expect(wall.locator("#total")).to_contain_text(f"{before + 1:,} vote", timeout=20_000)
    assert system.shown() == before + 1 == system.stored()


def test_the_seed_profile_verifies_its_votes(system: project.Project) -> None:
    before = system.stored()
    system.compose("--profile", "seed", "up", "--detach")
    assert project.docker("wait", system.container("seed"), timeout=120) == "0", system.logs("seed")
    told = system.logs("seed")
    assert "sent 3000, acknowledged 3000, failed 0" in told, told
    assert re.search("verified: .* grew by exactly a 2000, b 1000", told), told
    assert system.stored() == before + 3000 == system.shown()


def test_seed_takes_options(system: project.Project) -> None:
    told = system.seed("--votes", "30", "--split", "0:1")
    assert re.search("verified: .* grew by exactly a 0, b 30", told), told


async def test_replicas_share_the_work_behind_one_port(system: project.Project) -> None:
    system.compose("up", "--detach", "--wait", "--scale", "vote=3", "--scale", "worker=2")
    try:
        served: set[str] = set()

        def is_served_by_all() -> bool:
            served.update(re.findall("Served by <?[^<]*", project.get(system.vote_url)[1]))
            return len(served) == 3

        await until.true(is_served_by_all, 20, lambda: f"served by {served}")
        told = system.seed("--votes", "300", "--url", "http://gateway:8080")
        assert "verified" in told, told
        workers = [
            name for name in system.redis("SMEMBERS", "{votes}:workers").splitlines() if name
        ]
        assert len(workers) == 2, workers
    finally:
        system.compose("up", "--detach", "--wait")


async def test_stop_needs_no_kill_and_loses_nothing(
    system: project.Project, measured: conftest.Say
) -> None:
    before = system.stored()
    async with aiohttp.ClientSession() as client:
        # An audience that does not leave.
        live = [await client.ws_connect(f"{system.result_url}{LIVE}") for _ in range(20)]
        began = time.monotonic()
        system.compose("stop")
        took = time.monotonic() - began
        for each in live:
            await each.close()
    statuses = {name: system.inspect(name)["State"]["ExitCode"] for name in project.SERVICES}
    assert statuses == dict.fromkeys(project.SERVICES, 0)
    measured(f"stop, with an audience of {len(live)}, {took:.1f} s")
    assert took < STOP_WITHIN
    system.compose("up", "--detach", "--wait")
    began = time.monotonic()
    system.compose("down")
    took = time.monotonic() - began
    measured(f"down {took:.1f} s")
    assert took < STOP_WITHIN
    began = time.monotonic()
    system.compose("up", "--detach", "--wait")
    measured(f"warm start, with the votes of before, {time.monotonic() - began:.1f} s")
    assert system.stored() == before == system.shown()


def test_compose_and_bake_read_these_files(sources: pathlib.Path) -> None:
    """The engine's own tools, besides the published schema that tests/deploy asks."""
    checked = project.Project(sources, files=("compose.yaml", "compose.dev.yaml"))
    config = json.loads(checked.compose("--profile", "*", "config", "--format", "json").stdout)
    assert set(config["services"]) == {*project.SERVICES, *project.ONCE, "seed"}
    for group, platforms, attests in (
        ("default", None, None),
        ("release", ["linux/amd64", "linux/arm64"], ["sbom", "provenance"]),
    ):
        command = ("buildx", "bake", "--file", "docker-bake.hcl", "--print", group)
        printed = json.loads(project.docker(*command, cwd=sources))
        assert len(printed["target"]) == len(project.IMAGES)
        for target in printed["target"].values():
            assert target.get("platforms") == platforms
            assert [each["type"] for each in target.get("attest", [])] == (attests or [])
