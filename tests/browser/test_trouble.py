"""What a voter and an audience are told when something is away, and that it is soon said."""

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio
import redis.asyncio
from playwright.async_api import Page, Route, WebSocketRoute, expect

from common import concurrency, keys
from tests import until
from tests.browser import proxy, system, visitor
from tests.browser.conftest import Arrive, Ask

pytestmark = pytest.mark.asyncio(loop_scope="package")

# The strip promises 2 s after the event; the rest is for a machine that has other work as well.
SOON = 3_500  # ms
MOST_POLLS = 30  # a second, of a page that polls: ten end at once while it tries to upgrade
BACK = 12_000  # ms, for a server to start again and for everyone to have noticed
TIME = r"\d{1,2}:\d\d:\d\d"
POSTGRES_AWAY = f"Postgres cannot be reached since {TIME}"
REDIS_AWAY = f"Redis cannot be reached since {TIME}: votes may be refused until it is back"


async def cast(arrive: Arrive, running: system.System, choice: str = "a") -> None:
    """A new voter votes, and the vote is taken."""
    phone = await arrive(running.vote.url)
    await phone.cast(choice)


def join(page: WebSocketRoute) -> None:
    """Lets through what the page and the service say."""
    server = page.connect_to_server()
    page.on_message(server.send)
    server.on_message(page.send)


@pytest_asyncio.fixture(loop_scope="package")
async def wall(running: system.System, arrive: Arrive) -> visitor.Visitor:
    """The result page, on which all is well."""
    come = await arrive(running.result.url, viewport=visitor.DESKTOP)
    await expect(come.page.locator("#health")).to_have_text("All is well", timeout=BACK)
    return come


async def test_offline_then_online(running: system.System, arrive: Arrive) -> None:
    phone = await arrive(running.vote.url)
    with phone.network_errors():
        await phone.context.set_offline(True)
        await phone.option("b").click()
        notice = phone.page.locator("#notice")
        await expect(notice).to_have_text("You are offline: your vote for Dogs was not taken.")
        # The choice is kept, to be sent again.
        await expect(phone.option("b")).to_have_attribute("data-mark", "failed")
        await expect(phone.option("b")).to_have_attribute("aria-pressed", "false")
        # axe would load a page of its own.
        await phone.look("vote-offline", schemes=["light"], screens=["phone"], axe=False)
        await phone.context.set_offline(False)
        await expect(notice).to_have_text("Your vote for Dogs was not taken.")
        await phone.page.get_by_role("button", name="Try again").click()
        await expect(phone.option("b")).to_have_attribute("data-mark", "taken")
    await expect(notice).to_have_text("Your vote for Dogs is in. You can change it.")

    await running.drained()
    assert await running.tallies() == {"b": 1}


async def test_change_of_mind_while_offline(running: system.System, arrive: Arrive) -> None:
    phone = await arrive(running.vote.url)
    notice = phone.page.locator("#notice")
    await phone.cast("b")
    with phone.network_errors():
        await phone.context.set_offline(True)
        await phone.option("a").click()
        await expect(notice).to_have_text("You are offline: your vote for Cats was not taken.")
        await expect(phone.option("a")).to_have_attribute("aria-pressed", "false")
        await expect(phone.option("b")).to_have_attribute("aria-pressed", "true")
        # What was acknowledged is not in doubt.
        await phone.option("b").click()
        await expect(notice).to_have_text("Your vote for Dogs is in. You can change it.")
        await expect(phone.option("b")).to_have_attribute("data-mark", "taken")
        await phone.option("a").click()
        await expect(phone.option("a")).to_have_attribute("data-mark", "failed")
        await phone.context.set_offline(False)
        await phone.page.keyboard.press("Tab")
        await phone.page.keyboard.press("Tab")
        await expect(phone.page.locator("#again")).to_be_focused()
        await phone.page.keyboard.press("Enter")
        await expect(phone.option("a")).to_have_attribute("data-mark", "taken")
    # The button is gone; the focus is not.
    await expect(phone.option("a")).to_be_focused()
    await running.drained()
    assert await running.tallies() == {"a": 1}


async def test_redis_that_may_have_the_vote(running: system.System, arrive: Arrive) -> None:
    """It hangs: whether it does what it was asked, nobody knows before it goes on."""
    phone = await arrive(running.vote.url)
    await phone.cast("b")
    with phone.network_errors():
        await running.stores.redis.pause()
        async with phone.page.expect_response("**/api/votes") as answer:
            await phone.option("a").click()
        assert (await (await answer.value).json())["reason"] == "unsure"
        await expect(phone.page.locator("#notice")).to_have_text(
            "No answer: your vote for Cats may not have been taken. Try again, it counts only once."
        )
        await expect(phone.option("a").locator(".mark")).to_have_text("Not sure")
        # Neither is acknowledged for sure.
        await expect(phone.page.locator("[aria-pressed=true]")).to_have_count(0)
        await phone.look("vote-no-answer", schemes=["light"], screens=["phone"])
        await running.stores.redis.resume()
        await phone.page.get_by_role("button", name="Try again").click()
        await expect(phone.option("a")).to_have_attribute("data-mark", "taken", timeout=BACK)
    await running.drained()
    assert await running.tallies() == {"a": 1}


async def test_worker_killed_and_back(
    running: system.System, arrive: Arrive, wall: visitor.Visitor
) -> None:
    health = wall.page.locator("#health")
    alarm = wall.page.locator("#alarm")
    await running.worker.kill()
    await expect(health).to_have_text(
        "The worker is away: new votes will wait, none is lost", timeout=SOON
    )
    await cast(arrive, running)
    await expect(health).to_have_text(
        "The worker is away: 1 vote is waiting, it is not lost", timeout=SOON
    )
    await cast(arrive, running)
    await expect(health).to_have_text(
        "The worker is away: 2 votes are waiting, none is lost", timeout=SOON
    )
    # A screen reader hears that the worker is away, but not every number.
    await expect(alarm).to_have_text("The worker is away: 1 vote is waiting, it is not lost")
    await wall.look("result-worker-away")
    # The wall shows it too, where the strip is hidden while all is well.
    await wall.page.keyboard.press("p")
    await expect(health).to_be_visible()
    await wall.look("result-worker-away-presenter", schemes=["dark"], screens=["wall"])
    await wall.page.keyboard.press("p")
    await running.restart_worker()
    await expect(health).to_have_text("All is well", timeout=BACK)
    await expect(alarm).to_have_text("All is well")
    await expect(wall.page.locator("#total")).to_have_text("2 votes", timeout=SOON)


async def test_vote_killed_and_back(running: system.System, wall: visitor.Visitor) -> None:
    health = wall.page.locator("#health")
    await running.vote.kill()
    await expect(health).to_have_text(
        "The vote page is away: nobody can vote until it is back", timeout=SOON
    )
    await wall.look("result-vote-away", schemes=["light"], screens=["desktop"])
    await running.restart_vote()
    await expect(health).to_have_text("All is well", timeout=BACK)


async def test_a_number_that_was_told_and_falls_is_corrected(
    running: system.System, wall: visitor.Visitor
) -> None:
    alarm = wall.page.locator("#alarm")
    await running.worker.kill()
    async with redis.asyncio.Redis.from_url(running.stores.redis_url) as client:
        await client.rpush(keys.VOTES, "x", "y")
        await expect(alarm).to_have_text(
            "The worker is away: 2 votes are waiting, none is lost", timeout=SOON
        )
        await client.rpop(keys.VOTES)
        await expect(alarm).to_have_text(
            "The worker is away: 1 vote is waiting, it is not lost", timeout=SOON
        )
        await client.delete(keys.VOTES)


async def test_one_of_two_workers_killed(running: system.System, wall: visitor.Visitor) -> None:
    second = await running.services.ready(
        "worker", **running.environment, WORKER_NAME="second-worker"
    )
    workers = wall.page.locator("[data-fact=workers]")
    await expect(workers).to_contain_text("second-worker", timeout=SOON)
    await second.kill()
    health = wall.page.locator("#health")
    await expect(health).to_have_text(
        re.compile("^second-worker.* is silent: another worker takes over what it had$"),
        timeout=SOON,
    )
    await wall.look("result-worker-silent", schemes=["light"], screens=["desktop"])
    # Its work is taken over, and then it is forgotten.
    await expect(health).to_have_text("All is well", timeout=BACK)
    await expect(workers).not_to_contain_text("second-worker")


async def test_a_label_of_the_strip_is_not_broken_beside_many_workers(
    running: system.System, wall: visitor.Visitor
) -> None:
    async with contextlib.AsyncExitStack() as workers:
        for number in range(2, 5):
            name = f"voting-worker-{number}-7d9f8b6c5d-x2k4q"
            worker = await running.services.ready("worker", **running.environment, WORKER_NAME=name)
            workers.push_async_callback(worker.terminate)
        fact = wall.page.locator("[data-fact=workers]")
        await expect(fact).to_contain_text(re.compile("worker-2.*worker-3.*worker-4"), timeout=BACK)
        broken = """() => [...document.querySelectorAll("#pipeline dt")].filter((it) => {
            const words = document.createRange();
            words.selectNodeContents(it);
            return words.getClientRects().length > 1;
        }).map((it) => it.textContent)"""
        for screen in visitor.SCREENS.values():
            await wall.page.set_viewport_size(screen)
            assert await wall.page.evaluate(broken) == [], screen
        await wall.look("result-many-workers", screens=["phone", "desktop"])


@contextlib.asynccontextmanager
async def dead_workers(running: system.System, names: Sequence[str]) -> AsyncIterator[None]:
    """Workers that died, for a block: the one that lives forgets them soon, and they die again."""
    async with redis.asyncio.Redis.from_url(running.stores.redis_url) as client:

        async def die_again() -> None:
            while True:
                await client.sadd(keys.WORKERS, *names)
                await asyncio.sleep(0.01)

        dying = asyncio.create_task(die_again())
        try:
            yield
        finally:
            await concurrency.cancel(dying)


async def test_two_workers_that_are_silent_are_named(
    running: system.System, wall: visitor.Visitor
) -> None:
    health = wall.page.locator("#health")
    async with dead_workers(running, ["worker-2", "worker-3"]):
        words = re.compile(r"worker-\d, worker-\d are silent: others take over what they had")
        await expect(health).to_have_text(words, timeout=SOON)
        await wall.look("result-two-workers-silent", screens=["phone", "desktop"])
    await expect(health).to_have_text("All is well", timeout=BACK)


async def test_many_workers_that_are_silent_are_not_all_named(
    running: system.System, wall: visitor.Visitor
) -> None:
    health = wall.page.locator("#health")
    async with dead_workers(running, [f"worker-with-a-long-name-{number}" for number in range(4)]):
        words = "4 of 5 workers are silent: others take over what they had"
        await expect(health).to_have_text(words, timeout=SOON)
        await wall.look("result-workers-silent", screens=["phone", "desktop"])
    await expect(health).to_have_text("All is well", timeout=BACK)


async def test_postgres_away_and_back(
    running: system.System, arrive: Arrive, wall: visitor.Visitor
) -> None:
    await running.stores.postgres.kill()
    health = wall.page.locator("#health")
    await expect(health).to_have_text(re.compile(f"^{POSTGRES_AWAY}"), timeout=SOON)
    await cast(arrive, running)
    await expect(health).to_have_text(re.compile(r"You are seeing results of \d+ s ago"))
    await expect(health).to_have_text(
        re.compile("1 vote is waiting for Postgres, it is not lost"), timeout=BACK
    )
    await wall.look("result-postgres-away")
    # Who comes now has the numbers all the same.
    late = await arrive(running.result.url)
    await expect(late.page.locator("#total")).to_have_text("No votes yet")
    await running.stores.postgres.mend()
    await expect(wall.page.locator("#total")).to_have_text("1 vote", timeout=BACK)
    await expect(health).to_have_text("All is well", timeout=BACK)


async def test_a_result_that_begins_while_postgres_is_away_confirms_nothing(
    running: system.System, wall: visitor.Visitor
) -> None:
    await running.stores.postgres.kill()
    health, main = wall.page.locator("#health"), wall.page.locator("main")
    seen = re.compile(rf"^{POSTGRES_AWAY}\s*You are seeing results of \d+ s ago")
    await expect(health).to_have_text(seen, timeout=BACK)
    told = 0

    def count(words: str | bytes) -> None:
        nonlocal told
        told += '["pipeline"' in str(words)

    wall.page.on("websocket", lambda socket: socket.on("framereceived", count))
    with wall.network_errors():
        await running.result.kill()
        await running.restart_result()
        await until.true(lambda: told >= 1, BACK / 1000)
    await said(wall.page)
    await until.true(lambda: told >= 5, BACK / 1000)
    await expect(health).to_have_text(seen)
    await expect(main).to_have_attribute("data-stale", "")
    words = await said(wall.page)
    assert not [each for each in words if "Connecting" in each], words
    await running.stores.postgres.mend()
    await expect(health).to_have_text("All is well", timeout=BACK)


async def test_without_javascript_an_outage_is_told(
    running: system.System, arrive: Arrive, wall: visitor.Visitor
) -> None:
    plain = await arrive(running.result.url, java_script_enabled=False)
    told = plain.page.locator(".trouble p")
    await expect(told).to_have_count(0)
    await running.stores.postgres.kill()
    await running.stores.redis.kill()
    postgres = re.compile(rf"^Postgres cannot be reached since {TIME} UTC$")
    seen = re.compile(r"^You are seeing results of \d+ s ago$")
    redis_away = re.compile(
        rf"^Redis cannot be reached since {TIME} UTC: votes may be refused until it is back$"
    )
    # The page asks for itself again.
    await expect(told).to_have_text([postgres, seen, redis_away], timeout=BACK)
    for scheme in visitor.SCHEMES:
        await plain.page.emulate_media(color_scheme=scheme)
        for width in (320, 1440):
            await plain.page.set_viewport_size({"width": width, "height": 900})
            name = f"result-no-javascript-away-{width}-{scheme}.png"
            await plain.page.screenshot(path=visitor.SCREENSHOTS / name)
            assert await plain.page.locator(".trouble").is_visible()
    await plain.page.goto(f"{running.result.url}?lang=zh")
    await expect(told.first).to_have_text(re.compile(rf"^从 {TIME} UTC 起无法连接 Postgres$"))
    # With JavaScript the strip says it.
    await expect(wall.page.locator(".trouble")).to_have_count(0)
    await running.stores.postgres.mend()
    await running.stores.redis.mend()
    await expect(told).to_have_count(0, timeout=BACK)


async def test_redis_away_and_back(
    running: system.System, arrive: Arrive, wall: visitor.Visitor
) -> None:
    phone = await arrive(running.vote.url)
    plain = await arrive(running.vote.url, java_script_enabled=False)
    notice = phone.page.locator("#notice")
    health = wall.page.locator("#health")

    async def vote_has_noticed() -> bool:
        return await running.vote.get("/readyz") == 503

    with phone.network_errors(), plain.network_errors():
        await running.stores.redis.kill()
        await expect(health).to_have_text(re.compile(f"^{REDIS_AWAY}"), timeout=SOON)
        await until.true(vote_has_noticed)  # before that, a push may be lost on its way: unsure
        await phone.option("a").click()
        await expect(notice).to_have_text("Your vote for Cats was not taken.")
        await expect(phone.option("a")).to_have_attribute("data-mark", "failed")
        await plain.option("b").click()
        await expect(plain.page.locator("#notice")).to_have_text(
            "Your vote for Dogs was not taken."
        )
        await phone.look("vote-not-taken")
        await wall.look("result-redis-away", schemes=["light"])
        late = await arrive(running.vote.url)
        told = late.page.locator("#notice")
        await expect(told).to_have_text("Votes cannot be taken right now. Please wait a moment.")
        await late.look("vote-away")
        await running.stores.redis.mend()
        await expect(health).to_have_text("All is well", timeout=BACK)
        await expect(told).to_have_text("Tap your choice. You can change it later.", timeout=SOON)
        await phone.page.get_by_role("button", name="Try again").click()
        await plain.page.get_by_role("button", name="Try again").click()
        await expect(phone.option("a")).to_have_attribute("data-mark", "taken")
        await expect(plain.option("b")).to_have_attribute("data-mark", "taken")
        await late.cast("b")
    await running.drained()
    assert await running.tallies() == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("name", "words"),
    [("postgres", POSTGRES_AWAY), ("redis", REDIS_AWAY)],
    ids=["postgres", "redis"],
)
async def test_store_that_does_not_answer(
    running: system.System, wall: visitor.Visitor, name: str, words: str
) -> None:
    """Nobody is told that a server hangs: its connections stay."""
    server = getattr(running.stores, name)
    health = wall.page.locator("#health")
    await server.pause()
    await expect(health).to_have_text(re.compile(f"^{words}"), timeout=SOON)
    await server.resume()
    await expect(health).to_have_text("All is well", timeout=BACK)


async def test_votes_wait_for_a_postgres_that_does_not_answer(
    running: system.System, arrive: Arrive, wall: visitor.Visitor
) -> None:
    health = wall.page.locator("#health")
    await running.stores.postgres.pause()
    await expect(health).to_have_text(re.compile(f"^{POSTGRES_AWAY}"), timeout=SOON)
    await cast(arrive, running)
    await expect(health).to_have_text(
        re.compile("1 vote is waiting for Postgres, it is not lost"), timeout=SOON
    )
    await running.stores.postgres.resume()
    await expect(health).to_have_text("All is well", timeout=BACK)


async def said(page: Page) -> list[str]:
    """What the strip said since the last call."""
    words: list[str] = await page.evaluate(
        """() => {
            const health = document.getElementById("health");
            if (!window.said) {
                window.said = [];
                const note = () => window.said.push(health.innerText);
                const watched = { childList: true, characterData: true, subtree: true };
                new MutationObserver(note).observe(health, watched);
            }
            return window.said.splice(0);
        }"""
    )
    return words


async def test_a_worker_is_not_away_because_redis_was(
    running: system.System, wall: visitor.Visitor
) -> None:
    """While Redis hangs neither a worker nor the vote page can give a sign of life."""
    health = wall.page.locator("#health")
    await said(wall.page)
    await running.stores.redis.pause()
    await expect(health).to_have_text(re.compile(f"^{REDIS_AWAY}"), timeout=SOON)
    await wall.page.wait_for_timeout(4_000)  # until each heartbeat has expired
    await running.stores.redis.resume()
    await expect(health).to_have_text("All is well", timeout=BACK)
    workers = wall.page.locator("[data-fact=workers]")
    await expect(workers).not_to_have_text(re.compile("unknown|none"), timeout=SOON)
    words = await said(wall.page)
    assert not [each for each in words if re.search("(worker|page) is away", each)], words


async def test_result_killed_and_back(
    running: system.System, arrive: Arrive, wall: visitor.Visitor
) -> None:
    health = wall.page.locator("#health")
    with wall.network_errors():
        await running.result.kill()
        await expect(health).to_have_text(
            re.compile(r"You are seeing results of \d+ s ago: reconnecting"), timeout=SOON
        )
        await wall.look("result-reconnecting", schemes=["dark"])
        await cast(arrive, running)
        await running.restart_result()
        await expect(wall.page.locator("#total")).to_have_text("1 vote", timeout=BACK)
        await expect(health).to_have_text("All is well", timeout=SOON)


async def test_connection_that_went_silent(running: system.System, arrive: Arrive) -> None:
    """As where a network drops all that it is given: nobody says goodbye."""
    connections: list[WebSocketRoute] = []
    is_lost = False

    def pass_on(page: WebSocketRoute) -> None:
        connections.append(page)
        is_first = len(connections) == 1
        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(lambda words: None if is_first and is_lost else page.send(words))

    wall = await arrive()
    await wall.page.route_web_socket("**/socket.io/*", pass_on)
    await wall.open(running.result.url)
    health = wall.page.locator("#health")
    await expect(health).to_have_text("All is well", timeout=BACK)
    assert len(connections) == 1
    await said(wall.page)
    is_lost = True
    await expect(health).to_have_text(
        re.compile(r"You are seeing results of \d+ s ago: reconnecting"), timeout=SOON
    )
    await expect(health).to_have_text("All is well", timeout=BACK)
    assert len(connections) == 2
    words = await said(wall.page)
    assert "reconnecting" in words[0], words
    assert "Connecting …" not in words, words


async def test_what_lets_no_websocket_through_may_let_polling(
    running: system.System, arrive: Arrive
) -> None:
    """As a proxy that lets one in, and then nothing through it."""
    connections: list[WebSocketRoute] = []

    def pass_on_the_first(page: WebSocketRoute) -> None:
        connections.append(page)
        if len(connections) == 1:
            join(page)

    wall = await arrive()
    await wall.page.route_web_socket("**/socket.io/*", pass_on_the_first)
    await wall.open(running.result.url)
    health = wall.page.locator("#health")
    await expect(health).to_have_text("All is well", timeout=BACK)
    await connections[0].close()
    await expect(health).to_contain_text("reconnecting", timeout=SOON)
    await expect(health).to_have_text("All is well", timeout=2 * BACK)


async def test_a_proxy_with_a_websocket_to_nowhere(running: system.System, arrive: Arrive) -> None:
    """Its attempt at a WebSocket hangs; meanwhile the page hears all by polling, and in peace."""
    polls: list[str] = []
    async with proxy.opened(running.result.url) as passed:
        wall = await arrive(passed.url)
        wall.page.on("request", lambda asked: polls.append(asked.url))
        health = wall.page.locator("#health")
        await expect(health).to_have_text("All is well", timeout=3 * BACK)
        await said(wall.page)
        before, started = len(polls), time.monotonic()
        await until.true(lambda: passed.open == 1, 10, "an attempt to upgrade")
        await cast(arrive, running)
        await expect(wall.page.locator("#total")).to_have_text("1 vote", timeout=SOON)
        await until.true(lambda: passed.open == 0, 20, "the end of that attempt")
        assert (len(polls) - before) / (time.monotonic() - started) < MOST_POLLS
        assert set(await said(wall.page)) <= {"All is well"}
        with wall.network_errors():
            await running.result.kill()
            await expect(health).to_contain_text("reconnecting", timeout=SOON)
            await running.restart_result()
            await expect(health).to_have_text("All is well", timeout=BACK)
        await until.true(lambda: passed.open == 1, 10, "another attempt to upgrade")
        assert ["sid=" in each for each in passed.requests] == [False, True, True]
        await wall.context.close()


async def test_a_websocket_that_hangs_is_not_tried_first_where_polling_was_refused(
    running: system.System, arrive: Arrive
) -> None:
    """As a proxy that lets a WebSocket in by itself, and says 502 while the service is away."""
    async with proxy.opened(running.result.url, welcomes=True) as passed:
        wall = await arrive(passed.url)
        health = wall.page.locator("#health")
        await expect(health).to_have_text("All is well", timeout=3 * BACK)
        with wall.network_errors():
            await running.result.kill()
            await expect(health).to_contain_text("reconnecting", timeout=SOON)
            third = len(passed.requests) + 3
            await until.true(lambda: len(passed.requests) >= third, 60, "a third attempt")
            await running.restart_result()
            await expect(health).to_have_text("All is well", timeout=BACK)
        await wall.context.close()


async def test_what_is_wrong_is_still_said_while_the_connection_is_made_anew(
    running: system.System, arrive: Arrive
) -> None:
    connections: list[WebSocketRoute] = []

    def pass_on(page: WebSocketRoute) -> None:
        connections.append(page)
        join(page)

    wall = await arrive()
    await wall.page.route_web_socket("**/socket.io/*", pass_on)
    await wall.open(running.result.url)
    health = wall.page.locator("#health")
    await running.worker.kill()
    await expect(health).to_have_text(
        "The worker is away: new votes will wait, none is lost", timeout=BACK
    )
    await said(wall.page)
    await connections[-1].close()

    async def is_back() -> bool:
        return len(connections) == 2

    await until.true(is_back, 10, "another connection")
    await running.restart_worker()
    await expect(health).to_have_text("All is well", timeout=BACK)
    words = await said(wall.page)
    assert "Connecting …" not in words, words


async def test_what_a_service_does_not_know_yet_is_as_it_was(
    running: system.System, arrive: Arrive
) -> None:
    """Where nothing was known, the page connects: no store is blamed."""
    state, told = "unknown", 0

    def pass_on(page: WebSocketRoute) -> None:
        def change(words: str | bytes) -> None:
            nonlocal told
            told += '["pipeline"' in str(words)
            page.send(str(words).replace('"state":"up"', f'"state":"{state}"'))

        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(change)

    async def some_are_told() -> None:
        enough = told + 4
        await until.true(lambda: told >= enough, BACK / 1000)

    wall = await arrive()
    await wall.page.route_web_socket("**/socket.io/*", pass_on)
    await wall.open(running.result.url)
    health = wall.page.locator("#health")
    await some_are_told()
    await expect(health).to_have_text("Connecting …")
    await expect(wall.page.locator("#alarm")).to_be_empty()
    for known, words in (("up", "All is well"), ("away", POSTGRES_AWAY)):
        state = known
        await expect(health).to_contain_text(re.compile(words), timeout=SOON)
        state = "unknown"
        await some_are_told()
        await expect(health).to_contain_text(re.compile(words))


async def test_votes_that_only_pass_are_no_queue(running: system.System, arrive: Arrive) -> None:
    """As in a steady stream of votes, of which there is often one on its way."""
    told = 0
    steady = False

    def pass_on(page: WebSocketRoute) -> None:
        def change(words: str | bytes) -> None:
            nonlocal told
            if '["pipeline"' in str(words):
                told += 1
                waits = steady or told % 2
                words = str(words).replace('"waiting":0', f'"waiting":{waits:d}')
            page.send(words)

        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(change)

    wall = await arrive()
    await wall.page.route_web_socket("**/socket.io/*", pass_on)
    await wall.open(running.result.url)
    health = wall.page.locator("#health")
    await expect(health).to_have_text("All is well", timeout=BACK)
    await said(wall.page)
    enough = told + 10
    await until.true(lambda: told >= enough, BACK / 1000)
    words = await said(wall.page)
    assert not [each for each in words if "Counting" in each], words
    steady = True
    await expect(health).to_have_text("Counting: 1 vote is waiting", timeout=SOON)


async def test_slow_line(running: system.System, arrive: Arrive) -> None:
    """The first connection takes longer than a live one may be silent; it is not given up."""
    connections: list[WebSocketRoute] = []

    def pass_on(page: WebSocketRoute) -> None:
        connections.append(page)
        server = page.connect_to_server()
        page.on_message(server.send)
        loop = asyncio.get_running_loop()
        server.on_message(lambda words: loop.call_later(3, page.send, words))

    wall = await arrive()
    await wall.page.route_web_socket("**/socket.io/*", pass_on)
    await wall.open(running.result.url)
    await said(wall.page)
    health = wall.page.locator("#health")
    await expect(health).to_have_text("Connecting …")
    await expect(health).to_have_text("All is well", timeout=BACK)
    words = await said(wall.page)
    assert not [each for each in words if "reconnecting" in each], words
    assert len(connections) == 1


async def test_a_script_that_did_not_come_is_fetched_again(
    running: system.System, arrive: Arrive
) -> None:
    wall = await arrive()
    # As where the network changed, or the service was restarted, just then.
    await wall.page.route("**/board.*.js", lambda route: route.abort())
    with wall.network_errors():
        await wall.open(running.result.url)
        await wall.page.unroute("**/board.*.js")
        await expect(wall.page.locator("#health")).to_have_text("All is well", timeout=BACK)


async def test_a_page_without_its_scripts_says_so(running: system.System, arrive: Arrive) -> None:
    wall = await arrive()
    await wall.page.route("**/*.js", lambda route: route.abort())
    with wall.network_errors():
        await wall.open(running.result.url)
        stuck = wall.page.locator("#stuck")
        await expect(stuck).to_be_hidden()
        await expect(stuck).to_be_visible(timeout=20_000)
        await expect(stuck).to_have_text("Part of this page has not loaded. Load it again")
        await wall.look("result-stuck", axe=False)  # whose script is not let through either
        await wall.page.unroute("**/*.js")
        await wall.page.get_by_role("link", name="Load it again").click()
        await expect(wall.page.locator("#health")).to_have_text("All is well", timeout=BACK)


async def test_a_script_that_never_comes(running: system.System, arrive: Arrive) -> None:
    """The words stay, however often the page is loaded again; what it shows is right."""
    await running.pretend(a=30, b=10)
    wall = await arrive()
    await wall.page.route("**/strip.*.js", lambda route: route.abort())
    loads: list[str] = []
    wall.page.on("load", lambda page: loads.append(page.url))
    with wall.network_errors():
        await wall.open(running.result.url)
        await until.true(lambda: len(loads) == 3, 20)
        await expect(wall.page.locator("#stuck")).to_be_visible(timeout=1_000)
        await expect(wall.page.locator("#alarm")).to_contain_text("has not loaded")
        at = await wall.page.locator(".split").evaluate("(it) => it.style.getPropertyValue('--at')")
        assert at == "75.000%"


@pytest.mark.parametrize(
    ("settings", "drawn", "at"),
    [({}, ".split", "75.000%"), ({"OPTION_C": "Birds"}, ".bar >> nth=1", "33.333%")],
    ids=["halves", "bars"],
)
async def test_shares_are_drawn_before_the_scripts_have_come(
    running: system.System,
    arrive: Arrive,
    ask: Ask,
    settings: dict[str, str],
    drawn: str,
    at: str,
) -> None:
    """Also where the style cannot read an attribute: that is in all browsers but Chromium."""
    await running.pretend(a=30, b=10)
    _, result = await ask(**settings)
    wall = await arrive()
    come = asyncio.Event()

    async def hold(script: Route) -> None:
        await come.wait()
        await script.continue_()

    await wall.page.route("**/socket.io*.js", hold)
    await wall.page.goto(result.url, wait_until="commit")
    style = re.compile(f"--at: ?{re.escape(at)}")
    await expect(wall.page.locator(drawn)).to_have_attribute("style", style)
    if settings:
        assert await wall.page.locator(".rank").all_text_contents() == ["1", "2", "3"]
    come.set()
    await expect(wall.page.locator("#health")).to_have_text("All is well", timeout=BACK)


async def test_since_when_stays_the_same(running: system.System, arrive: Arrive) -> None:
    """However long the messages take that tell the server's clock."""
    loop = asyncio.get_running_loop()
    delays = itertools.cycle((0.0, 0.4, 0.1, 0.7))  # seconds
    due = [loop.time()]  # when each message is passed on, in their order

    def pass_on(page: WebSocketRoute) -> None:
        def send_late(words: str | bytes) -> None:
            due.append(max(due[-1], loop.time() + next(delays)))
            loop.call_at(due[-1], page.send, words)

        server = page.connect_to_server()
        page.on_message(server.send)
        server.on_message(send_late)

    wall = await arrive()
    await wall.page.route_web_socket("**/socket.io/*", pass_on)
    await wall.open(running.result.url)
    health = wall.page.locator("#health")
    await expect(health).to_have_text("All is well", timeout=BACK)
    await running.stores.postgres.stop()
    await expect(health).to_contain_text(re.compile(POSTGRES_AWAY), timeout=BACK)
    await said(wall.page)
    enough = len(due) + 2 * 4
    await until.true(lambda: len(due) >= enough, 20)
    words = await said(wall.page)
    await running.stores.postgres.start()
    assert len(set(re.findall(POSTGRES_AWAY, "\n".join(words)))) <= 1, words


async def test_laptop_that_slept(
    running: system.System, arrive: Arrive, wall: visitor.Visitor
) -> None:
    """While it slept there were votes, and its connection came to nothing."""
    laptop = await wall.context.new_cdp_session(wall.page)
    with wall.network_errors():
        await laptop.send("Page.setWebLifecycleState", {"state": "frozen"})
        await cast(arrive, running)
        await running.result.kill()
        await running.restart_result()
        await running.result.ready()
        await laptop.send("Page.setWebLifecycleState", {"state": "active"})
        total = wall.page.locator("#total")
        await expect(total).to_have_text("1 vote", timeout=SOON)
        await expect(wall.page.locator("#health")).to_have_text("All is well", timeout=SOON)
