"""The page /system: what it draws, and the real system on it."""

import re
import time
from typing import Any

import pytest
import redis.asyncio
from playwright.async_api import Locator, expect

from common import faults
from tests import until
from tests.browser.conftest import TOKEN, Arrive, Serve
from tests.browser.pages import SystemPage, replica, store
from tests.browser.system import System
from tests.browser.visitor import DESKTOP, PHONE, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="package")

SIZES = [(960, 540), (1280, 720), (3840, 2160)]
NAMES = [f"{letter}28v{digit}" for letter in "bcdf" for digit in range(4)]
GONE = 8_000  # ms; a heartbeat lives for 2 s
STOPS = 20_000  # ms until it is left out, 10 s after that
NOTE_FLIGHTS = """() => {
    const note = (changes) => changes.forEach((each) => flown.push(
        ...[...each.addedNodes].map((node) => node.textContent)));
    globalThis.flown = [];
    new MutationObserver(note).observe(document.querySelector(".diagram"), { childList: true });
}"""
CLIENT = """async () => {
    const { io } = await import(document.querySelector("link[href*='socket.io']").href);
    globalThis.client = io({ forceNew: true });
    globalThis.heard = [];
    client.on("scores", (scores) => heard.push(JSON.parse(scores).a ?? 0));
}"""
NEW = {"version": "0.3.0"}


@pytest.fixture
def watch(arrive: Arrive, serve: Serve) -> Any:
    """Opens the system page."""

    async def come(page: SystemPage, **options: Any) -> Visitor:
        return await arrive(f"{await serve(page)}/system", **{"viewport": DESKTOP} | options)

    return come


def box(wall: Visitor, name: str) -> Locator:
    """Return the box of a replica."""
    return wall.page.locator(".replica", has_text=name)


def number(wall: Visitor, name: str) -> Locator:
    """Return a number in the diagram."""
    return wall.page.locator(f".diagram [data-number='{name}']").first


async def test_each_replica_has_a_box(watch: Any) -> None:
    page = SystemPage(
        replica(
            *("vote", "x8k4p"), rate=1_204.2, state="working", faults=["latency 500 ms"], refused=3
        ),
        replica("worker", rate=0.4, state="waiting for postgres", claimed=50),
        replica("result", browsers=1),
    )
    wall = await watch(page)
    for words in ("vote x8k4p", "1m", "0.2.0", "1,204/s", "3 refused", "working", "latency 500 ms"):
        await expect(box(wall, "vote")).to_contain_text(words)
    for words in ("worker m28v2", "0.4/s", "50 claimed", "waiting for postgres"):
        await expect(box(wall, "worker")).to_contain_text(words)
    await expect(box(wall, "result")).to_contain_text("1 browser")


async def test_the_numbers(watch: Any) -> None:
    page = SystemPage(
        replica("vote", rate=20.0),
        *(replica("vote", "x8k4p", rate=30.0), replica("worker", rate=40.0)),
        waiting=1_204,
        claimed=50,
        stored=2_191,
        dead=2,
        browsers=7,
        commits=6.4,
        latency={"p50": 14, "p99": 212},
    )
    wall = await watch(page)
    for name, words in (
        *(("waiting", "1,204"), ("claimed", "50"), ("stored", "2,191"), ("dead", "2")),
        *(("browsers", "7"), ("rate of commits", "6.4/s"), ("rate of vote", "50/s")),
    ):
        await expect(number(wall, name)).to_have_text(words)
    await expect(wall.page.locator(".facts")).to_contain_text("14ms")
    await expect(wall.page.locator(".facts")).to_contain_text("212ms")
    await page.send(waiting=None, redis=store("unavailable"))
    await expect(number(wall, "waiting")).to_have_text("–")  # noqa: RUF001
    await expect(number(wall, "redis")).to_contain_text("unavailable since")


async def test_replicas_come_and_go(watch: Any) -> None:
    old = replica("vote", "x8k4p")
    page = SystemPage(old)
    wall = await watch(page)
    await expect(box(wall, "vote")).to_have_count(1)
    await page.send(old | {"gone_since": old["started_at"] + 30_000}, replica("vote", **NEW))
    await expect(box(wall, "x8k4p")).to_contain_text("gone")
    await expect(box(wall, "m28v2")).not_to_contain_text("gone")
    await page.send(replica("vote", **NEW))
    await expect(box(wall, "vote")).to_have_count(1)
    await expect(box(wall, "m28v2")).to_be_visible()


@pytest.mark.extended
async def test_two_versions_have_two_colours(watch: Any) -> None:
    page = SystemPage(replica("vote", "x8k4p"), replica("vote", **NEW), replica("worker"))
    wall = await watch(page)

    async def color(name: str, of: str) -> str:
        await expect(box(wall, name)).to_be_visible()
        script = f"(it) => getComputedStyle(it)['{of}']"
        found: str = await box(wall, name).evaluate(script)
        return found

    assert await color("x8k4p", "borderTopColor") == await color("worker", "borderTopColor")
    assert await color("x8k4p", "borderTopColor") != await color("0.3.0", "borderTopColor")


async def test_a_failover_is_seen(watch: Any) -> None:
    group = {"primary": "redis-0", "since": None, "replicas": 2}
    page = SystemPage(servers={"redis": group, "postgres": None})
    wall = await watch(page)
    servers = wall.page.locator("[data-stage=redis] .servers")
    await expect(servers).to_have_text("Primary: redis-0. Replicas: 2")
    await expect(wall.page.locator("[data-stage=postgres] .servers")).to_be_empty()
    now = int(time.time() * 1000)
    group |= {"primary": "redis-1", "since": now, "replicas": 1}
    await page.send(redis=store("available"))
    await expect(servers).to_have_text(re.compile(r"Primary since .*: redis-1\. Replicas: 1"))
    group |= {"since": now - 3_600_000, "replicas": 2}  # no news any more
    await page.send()
    await expect(servers).to_have_text("Primary: redis-1. Replicas: 2")
    del page.content["servers"]  # from a replica of an earlier version
    await page.send()
    await expect(servers).to_be_empty()


@pytest.mark.extended
async def test_more_than_ten_replicas_are_groups(watch: Any) -> None:
    replicas = [replica("vote", name, rate=2.0) for name in NAMES[:11]]
    page = SystemPage(*replicas[:10])
    wall = await watch(page)
    await expect(box(wall, "28v")).to_have_count(10)
    await page.send(*replicas, replica("vote", "new", rate=5.0, **NEW))
    await expect(wall.page.locator(".replica")).to_have_count(2)
    await expect(box(wall, "0.2.0")).to_contain_text("vote × 11")  # noqa: RUF001
    await expect(box(wall, "0.2.0")).to_contain_text("22/s")
    await expect(box(wall, "0.3.0")).to_contain_text("vote × 1")  # noqa: RUF001
    await expect(wall.page.locator("#replicas tr")).to_have_count(12)


async def test_no_worker_at_rest_is_no_alarm(watch: Any) -> None:
    page = SystemPage(replica("vote"), replica("result"))
    page.changes = {"workers": []}
    wall = await watch(page)
    await expect(number(wall, "rest")).to_contain_text("none is needed")
    await expect(wall.health).to_have_text("All is well")
    await page.send(replica("vote"), replica("result"), waiting=3)
    await expect(number(wall, "rest")).to_contain_text("will not be lost")
    await page.send(replica("worker"))
    await expect(number(wall, "rest")).to_be_hidden()


async def test_all_is_not_well_with_an_injected_fault(watch: Any) -> None:
    page = SystemPage(replica("vote"), replica("worker"), replica("result"))
    wall = await watch(page)
    await expect(wall.health).to_have_text("All is well")
    await page.send(*page.content["replicas"], faults=[{"kind": "vote-errors"}])
    await expect(wall.health).to_have_text("An injected fault is active")
    await page.send(*page.content["replicas"], faults=[])
    await expect(wall.health).to_have_text("All is well")


@pytest.mark.parametrize("known", [True, pytest.param(False, marks=pytest.mark.extended)])
async def test_the_claims_of_a_restarted_worker_fly_back(watch: Any, known: bool) -> None:
    crashed = replica("worker", claimed=50)
    page = SystemPage(crashed, abandoned={crashed["name"]: 50})
    wall = await watch(page)
    await expect(box(wall, "worker")).to_contain_text("50 claimed")
    await wall.page.evaluate(NOTE_FLIGHTS)
    if not known:  # during an outage of Redis
        await page.send(crashed, waiting=None, abandoned=None)
        await expect(number(wall, "waiting")).to_have_text("–")  # noqa: RUF001
    await page.send(replica("worker"), waiting=50, abandoned={})  # it never was "gone"
    await expect(number(wall, "waiting")).to_have_text("50")
    assert await wall.page.evaluate("flown") == (["50"] if known else [])
    await expect(wall.page.locator(".flight")).to_have_count(0)


def busy_page() -> SystemPage:
    """A page with much to show, and the presenter's panel."""
    kinds = [("vote", 10), ("worker", 10), ("result", 3)]
    return SystemPage(
        *(replica(kind, name, rate=9_999.0) for kind, count in kinds for name in NAMES[1:count]),
        *(replica(kind, NAMES[0], version="0.3.0-green") for kind, _ in kinds),
        waiting=123_456,
        claimed=5_000,
        stored=1_234_567,
        dead=12,
        latency={"p50": 1_234, "p99": 12_345},
        presenter=True,
    )


@pytest.mark.extended
async def test_it_fits(watch: Any) -> None:
    wall = await watch(busy_page(), reduced_motion="reduce")
    await expect(wall.page.locator(".replica")).to_have_count(23)
    await expect(wall.health).to_have_text("All is well")
    for width, height in SIZES:
        await wall.page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            await wall.page.emulate_media(color_scheme=scheme)
            await wall.settled()
            await wall.screenshot(f"system-{width}-{scheme}")
        assert await size_of(wall) == (width, height)
    await wall.page.set_viewport_size(PHONE)
    assert (await size_of(wall))[0] == PHONE["width"]
    await wall.screenshot("system-phone")


async def size_of(wall: Visitor) -> tuple[int, int]:
    await wall.settled()
    root = "document.documentElement"
    width, height = await wall.page.evaluate(f"[{root}.scrollWidth, {root}.scrollHeight]")
    return width, height


@pytest.mark.extended
async def test_it_is_accessible(watch: Any) -> None:
    wall = await watch(busy_page())
    await expect(wall.page.locator(".replica")).to_have_count(23)
    await wall.page.get_by_text("Presenter's panel").click()
    await expect(wall.page.get_by_label("Token")).to_be_focused()
    await wall.check_accessibility()
    await wall.page.keyboard.press("Escape")
    await wall.check_accessibility()
    await wall.page.get_by_role("button", name="Delete all votes").click()
    await wall.check_accessibility()


@pytest.mark.parametrize("javascript", [True, False])
async def test_the_table(watch: Any, javascript: bool) -> None:
    page = SystemPage(
        replica("vote", "x8k4p", rate=20.0, faults=["latency 500 ms"]),
        replica("worker", claimed=50, gone_since=1),
        waiting=1_204,
        latency={"p50": 14, "p99": 212},
        redis=store("available"),
    )
    wall = await watch(page, java_script_enabled=javascript)
    if javascript:
        await expect(wall.page.locator(".replica")).to_have_count(2)
    numbers, replicas = await wall.page.locator("table").all()
    for row in ("Waiting in Redis 1,204", "Redis available", "Votes per second 20/s"):
        await expect(numbers.get_by_role("row", name=row)).to_have_count(1)
    for words in ("vote x8k4p", "0.2.0", "20/s", "latency 500 ms"):
        await expect(replicas.locator("tr", has_text="vote")).to_contain_text(words)
    await expect(replicas.locator("tr", has_text="worker")).to_contain_text("gone")
    if not javascript:
        await expect(replicas).to_be_visible()
        await expect(wall.page.locator(".diagram")).to_be_hidden()


async def test_a_key_leads_to_the_result_and_back(watch: Any) -> None:
    wall = await watch(SystemPage(replica("vote")))
    await expect(box(wall, "vote")).to_be_visible()
    await wall.page.keyboard.press("w")
    await expect(wall.page.locator(".result")).to_be_visible()
    await expect(wall.health).to_have_text("All is well")
    await wall.page.keyboard.press("p")
    await wall.page.keyboard.press("w")
    await expect(box(wall, "vote")).to_be_visible()
    await expect(wall.page.locator(".strip")).to_be_hidden()  # it still presents


@pytest.mark.xdist_group("system")
@pytest.mark.extended
async def test_a_vote_and_a_worker_are_seen(running: System, arrive: Arrive) -> None:
    wall = await arrive(f"{running.result.url}/system", viewport=DESKTOP)
    for service in ("vote", "worker", "result"):
        await expect(box(wall, service)).to_have_count(1)
    phone = await arrive(running.vote.url)
    await phone.vote("a")
    await expect(number(wall, "stored")).to_have_text("1")
    await expect(wall.page.locator(".facts")).to_contain_text("ms")
    name = "worker-7d9f8b-m28v2"
    second = running.services.start("tests.worker", f"--name={name}", **running.environment)
    await expect(box(wall, "m28v2")).to_be_visible(timeout=20_000)
    await second.kill()
    await expect(box(wall, "m28v2")).to_contain_text("gone", timeout=GONE)
    await expect(box(wall, "m28v2")).to_have_count(0, timeout=STOPS)
    await expect(box(wall, "worker")).to_have_count(1)


@pytest.mark.xdist_group("system")
@pytest.mark.extended
async def test_a_worker_crashes_and_is_restarted(running: System, arrive: Arrive) -> None:
    wall = await arrive(f"{running.result.url}/system", viewport=DESKTOP)
    await expect(box(wall, "worker")).to_have_count(1)
    await wall.page.evaluate(NOTE_FLIGHTS)
    async with redis.asyncio.Redis.from_url(running.stores.redis_url) as client:
        await faults.add(client, faults.create("worker-crash"))
    await expect(box(wall, "worker")).to_contain_text("crash")
    phone = await arrive(running.vote.url)
    await phone.vote("a")
    await until.true(lambda: running.worker.status == faults.CRASHED)
    await running.restart("worker")

    async def has_flown() -> bool:
        return bool(await wall.page.evaluate("flown") == ["1"])

    await until.true(has_flown, GONE / 1_000)
    await expect(box(wall, "worker")).to_have_count(1)
    assert await running.tallies() == {"a": 1}


@pytest.mark.xdist_group("system")
async def test_a_client_without_options_upgrades_and_leaves(
    running: System, arrive: Arrive
) -> None:
    """Without options, the client polls first, as on a classic page."""
    wall = await arrive(running.result.url)
    await wall.page.evaluate(CLIENT)
    upgraded = "client.io.engine.transport.name === 'websocket'"
    await until.true(lambda: wall.page.evaluate(upgraded))
    phone = await arrive(running.vote.url)
    await phone.vote("a")
    await until.true(lambda: wall.page.evaluate("heard.at(-1) === 1"))
    assert "result_browsers 2.0" in await running.result.text("/metrics")
    await wall.page.evaluate("client.disconnect()")

    async def has_left() -> bool:
        return "result_browsers 1.0" in await running.result.text("/metrics")

    await until.true(has_left)


@pytest.mark.xdist_group("system")
async def test_the_presenter_sets_a_fault_and_deletes_all_votes(
    running: System, arrive: Arrive
) -> None:
    phone = await arrive(running.vote.url)
    await phone.vote("a")
    wall = await arrive(f"{running.result.url}/system", viewport=DESKTOP)
    await expect(number(wall, "stored")).to_have_text("1")
    panel, dialog = wall.page.get_by_text("Presenter's panel"), wall.page.get_by_role("dialog")
    await panel.click()
    with wall.network_errors():  # the browser reports the refusal
        for token in ("wrong", TOKEN):
            await dialog.get_by_label("Token").fill(token)
            async with wall.page.expect_response("**/system/login"):
                await dialog.get_by_role("button", name="Continue").click()
        await expect(dialog).to_be_hidden()
    await wall.page.get_by_label("Value").fill("700")
    await wall.page.get_by_role("button", name="Start").click()
    await expect(box(wall, "vote")).to_contain_text("latency 700 ms")
    await expect(wall.page.locator("#faults li")).to_contain_text("Slow votes 700 ms")
    await wall.page.get_by_role("button", name="Clear all faults").click()
    await expect(box(wall, "vote")).not_to_contain_text("latency")
    await expect(wall.page.locator("#faults li")).to_have_count(0)
    for answer, stored in (("Cancel", "1"), ("Delete all votes", "0")):
        await wall.page.get_by_role("button", name="Delete all votes").click()
        await dialog.get_by_role("button", name=answer).click()
        await expect(dialog).to_be_hidden()
        await expect(number(wall, "stored")).to_have_text(stored)


@pytest.mark.xdist_group("system")
@pytest.mark.extended
async def test_a_presenter_signs_in_once(running: System, arrive: Arrive) -> None:
    wall = await arrive(f"{running.result.url}/system", viewport=DESKTOP)
    dialog = wall.page.get_by_role("dialog")

    async def toggle() -> None:
        await wall.page.get_by_text("Presenter's panel").click()

    await toggle()
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    await toggle()
    await toggle()  # it asks again
    await dialog.get_by_label("Token").fill(TOKEN)
    await dialog.get_by_role("button", name="Continue").click()
    await expect(dialog).to_be_hidden()
    await wall.page.reload()
    async with wall.page.expect_response("**/system/login"):
        await toggle()
    await wall.page.get_by_role("button", name="Delete all votes").click()  # nothing covers it
    await expect(dialog).to_contain_text("cannot be undone")
