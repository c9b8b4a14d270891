"""The presenter's endpoints, with the rights that Compose gives result in Redis."""

import asyncio
import datetime
import time
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest
import socketio
from itsdangerous import TimestampSigner
from pydantic import SecretStr
from redis.asyncio import Redis

from common import faults
from common.background import background
from common.faults import MAX_SECONDS, Faults, create
from common.queue import keys
from result.app import create_app
from result.presenter import Presenter
from result.settings import Settings
from tests import heartbeats, served, until
from tests.integration import account, listener, visitor
from tests.integration.test_rights import rules
from tests.service import Services
from tests.store import Stores
from vote.app import create_app as create_vote
from vote.settings import Settings as VoteSettings

TOKEN = "the token of the tests"
RESET = {"confirm": "delete all votes"}


@pytest.fixture
async def url(client: Redis, stores: Stores, tables: asyncpg.Connection) -> AsyncIterator[str]:
    """The URL of a result service with FAULTS=enabled."""
    async with account.opened(client, *rules("result")) as user:
        settings = Settings(
            database_url=SecretStr(stores.database_url),
            redis_url=SecretStr(user["REDIS_URL"]),
            redis_password=SecretStr(user["REDIS_PASSWORD"]),
            faults="enabled",
            presenter_token=SecretStr(TOKEN),
        )
        async with served.opened(create_app(settings)) as opened:
            yield opened


@pytest.fixture
async def browser(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that keeps cookies."""
    jar = aiohttp.CookieJar(unsafe=True)  # also for an address without a name
    async with aiohttp.ClientSession(url, cookie_jar=jar) as opened:
        yield opened


@pytest.fixture
async def presenter(browser: aiohttp.ClientSession) -> aiohttp.ClientSession:
    """The browser of a presenter who has logged in."""
    async with browser.post("/system/login", json={"token": TOKEN}) as answer:
        assert answer.status == 204
    return browser


async def post(
    browser: aiohttp.ClientSession, path: str, content: object, **headers: str
) -> tuple[int, str]:
    async with browser.post(path, json=content, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_without_faults_the_endpoints_do_not_exist(result_url: str) -> None:
    async with aiohttp.ClientSession(result_url) as browser:
        for path in ("login", "faults", "reset"):
            assert (await post(browser, f"/system/{path}", {"token": TOKEN}))[0] == 404


async def test_the_cookie_is_for_this_page_only_and_is_not_the_token(
    url: str, browser: aiohttp.ClientSession
) -> None:
    async with browser.post("/system/login", json={"token": TOKEN}) as answer:
        cookie = answer.cookies["presenter"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "strict")
    assert TOKEN not in cookie.value
    for value, valid in (("", False), (TOKEN, False), (cookie.value, True)):
        headers = {"cookie": f"presenter={value}"}
        async with aiohttp.request("GET", f"{url}/system/login", headers=headers) as answer:
            assert await answer.json() is valid


async def test_the_panel_says_which_address_is_missing(url: str, result_url: str) -> None:
    for page, is_said in ((url, True), (result_url, False)):  # the other page has no panel
        async with aiohttp.request("GET", f"{page}/system") as answer:
            assert ("VOTE_URL" in await answer.text()) == is_said


async def test_a_cookie_is_valid_for_12_hours(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    presenter = Presenter(client, TOKEN)
    first, second = presenter.create_cookie(), presenter.create_cookie()
    assert first != second
    for hours, valid in ((11.9, True), (12.1, False)):
        later = int(time.time() + hours * 3600)
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _, now=later: now)
        assert presenter.accepts_cookie(first) is valid


async def test_wrong_tokens_are_answered_slowly_and_the_right_one_soon(client: Redis) -> None:
    presenter = Presenter(client, TOKEN)
    started = time.monotonic()
    for _ in range(4):
        assert not await presenter.accepts("wrong")
    assert time.monotonic() - started > 0.5
    await asyncio.gather(*(presenter.accepts("wrong") for _ in range(100)))
    async with asyncio.timeout(3):
        assert await presenter.accepts(TOKEN)
    async with asyncio.timeout(0.05):
        assert await presenter.accepts(TOKEN)


async def test_only_a_presenter_who_has_logged_in_may_change_anything(
    browser: aiohttp.ClientSession, client: Redis
) -> None:
    assert (await post(browser, "/system/login", {"token": "wrong"}))[0] == 401
    for cookie in ("", f"presenter={TOKEN}"):
        headers = {"cookie": cookie}
        fault = {"kind": "vote-latency"}
        assert (await post(browser, "/system/faults", fault, **headers))[0] == 401
        assert (await post(browser, "/system/reset", RESET, **headers))[0] == 401
        async with browser.delete("/system/faults", headers=headers) as answer:
            assert answer.status == 401
    assert not await client.exists(keys.FAULTS, keys.RESET)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("login", r'{"token": "\ud800"}'),
        ("faults", r'{"kind": "vote-errors", "replica": "\ud800"}'),
        ("faults", '{"kind": "vote-latency", "value": NaN}'),
        ("faults", '{"kind": "vote-latency", "seconds": 1e400}'),
    ],
)
async def test_what_no_answer_can_repeat_is_invalid(
    presenter: aiohttp.ClientSession, path: str, body: str
) -> None:
    headers = {"content-type": "application/json"}
    async with presenter.post(f"/system/{path}", data=body, headers=headers) as answer:
        assert answer.status == 422
        assert (await answer.json())["detail"].startswith("body.")


async def test_other_sites_may_not_change_anything(
    presenter: aiohttp.ClientSession, client: Redis
) -> None:
    for path, content in (
        ("login", {"token": TOKEN}),
        ("faults", {"kind": "vote-latency"}),
        ("reset", RESET),
    ):
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
            assert (await post(presenter, f"/system/{path}", content, **headers))[0] == 403
    assert not await client.exists(keys.FAULTS, keys.RESET)


async def test_faults_are_set_and_cleared(presenter: aiohttp.ClientSession, client: Redis) -> None:
    content = {"kind": "vote-latency", "replica": "vote-1", "value": 20, "seconds": 5}
    assert (await post(presenter, "/system/faults", content))[0] == 201
    assert (await post(presenter, "/system/faults", {"kind": "worker-crash"}))[0] == 201
    found = {fault.kind: fault for fault in await faults.read(client)}
    assert (found["vote-latency"].value, found["vote-latency"].replica) == (20, "vote-1")
    assert found.keys() == {"vote-latency", "worker-crash"}
    assert 0 < await client.ttl(keys.FAULTS) <= MAX_SECONDS
    async with presenter.delete("/system/faults") as answer:
        assert answer.status == 204
    assert await faults.read(client) == []


async def test_a_wrong_fault_is_explained(presenter: aiohttp.ClientSession, client: Redis) -> None:
    status, text = await post(presenter, "/system/faults", {"kind": "vote-errors", "value": 101})
    assert (status, "101 is out of range" in text) == (422, True)
    assert not await client.exists(keys.FAULTS)


async def test_a_reset_needs_a_confirmation_and_a_worker_and_lapses(
    url: str, presenter: aiohttp.ClientSession, client: Redis
) -> None:
    assert (await post(presenter, "/system/reset", {"confirm": "yes"}))[0] == 422
    async with listener.opened(url) as audience:
        await client.sadd(keys.SESSIONS, "w1")  # without a heartbeat
        await until.true(lambda: workers(audience) == [False])
        status, text = await post(presenter, "/system/reset", RESET)
        assert (status, "no worker is running" in text) == (503, True)
        assert not await client.exists(keys.RESET)
        await client.set(keys.heartbeat("w1"), "{}", ex=60)
        await until.true(lambda: workers(audience) == [True])
    assert (await post(presenter, "/system/reset", RESET))[0] == 202
    # A worker that starts an hour later must not delete anything.
    assert 0 < await client.ttl(keys.RESET) <= 10


def workers(audience: listener.Listener) -> list[bool]:
    """Return whether each worker is alive."""
    return [each["alive"] for each in audience.status.get("workers") or []]


async def test_without_redis_the_answer_says_so(
    presenter: aiohttp.ClientSession, stores: Stores
) -> None:
    await stores.redis.pause()
    for path, content in (("faults", {"kind": "worker-crash"}), ("reset", RESET)):
        async with asyncio.timeout(10):
            status, text = await post(presenter, f"/system/{path}", content)
        assert (status, "Redis" in text) == (503, True)
    await stores.redis.resume()


async def test_frozen_pages_get_the_numbers_when_the_fault_ends(
    url: str, client: Redis, tables: asyncpg.Connection
) -> None:
    async with listener.opened(url) as audience:
        await audience.sees(a=0, b=0)
        await faults.add(client, create("result-freeze", seconds=3))
        await until.true(lambda: is_silent(audience))
        await tables.execute("INSERT INTO votes (id, vote) VALUES ('1', 'a')")
        before = len(audience.of("scores"))
        await until.true(lambda: is_silent(audience))
        assert len(audience.of("scores")) == before
        await audience.sees(a=1, b=0)
        count = len(audience.of("pipeline"))
        await until.true(lambda: len(audience.of("pipeline")) > count)


async def is_silent(audience: listener.Listener) -> bool:
    """Return whether nothing is heard for longer than the page is ever silent."""
    count = len(audience.heard)
    await asyncio.sleep(1)
    return len(audience.heard) == count


async def test_connections_drop_even_after_an_error_of_the_library(
    url: str, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    disconnect = socketio.AsyncServer.disconnect
    attempts: list[str] = []

    async def fail_once(server: socketio.AsyncServer, sid: str) -> None:
        attempts.append(sid)
        if len(attempts) == 1:
            raise KeyError(sid)
        await disconnect(server, sid)

    monkeypatch.setattr(socketio.AsyncServer, "disconnect", fail_once)
    async with listener.opened(url) as audience:
        await faults.add(client, create("connection-drops", value=100))
        await until.true(lambda: len(attempts) > 1 and not audience.client.connected)


async def test_no_vote_is_recorded_after_the_end_because_of_a_delay(
    client: Redis, stores: Stores
) -> None:
    await faults.add(client, create("vote-latency", value=4_000))
    settings = VoteSettings(
        redis_url=SecretStr(stores.redis_url),
        faults="enabled",
        poll_closes_at=datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=3),
    )
    async with (
        heartbeats.heard(client) as heard,
        served.opened(create_vote(settings)) as url,
        visitor.opened(url) as guest,
    ):
        await until.true(lambda: any(each.faults for each in heard.values()))
        form = await guest.vote("a")
    assert (form.status, form.state) == (403, "closed")
    assert await visitor.ballots(client) == []


async def test_a_fault_is_for_its_replica_and_a_crash_happens_once(client: Redis) -> None:
    one, two = (Faults(client, "worker", name) for name in ("w1", "w2"))
    async with background(one.follow(), two.follow()):
        await faults.add(client, create("worker-pause", replica="w2"))
        await faults.add(client, create("worker-crash"))
        await until.true(lambda: len(one.active()) == 1 and len(two.active()) == 2)
        assert one.describe() == ["crash"]
        taken = await asyncio.gather(one.take("worker-crash"), two.take("worker-crash"))
        assert sorted(taken) == [False, True]
        await until.true(lambda: not one.active() and two.describe() == ["pause"])


async def test_the_command_line_sets_lists_and_clears_faults(
    stores: Stores, services: Services, client: Redis
) -> None:
    enabled = {"REDIS_URL": stores.redis_url, "FAULTS": "enabled"}
    setting = services.start("common.faults", "set", "slow-commit", "--value", "70", **enabled)
    assert await setting.ended() == 0, setting.log
    [fault] = await faults.read(client)
    assert (fault.kind, fault.value) == ("slow-commit", 70)
    listing = services.start("common.faults", "list", **enabled)
    assert (await listing.ended(), "70 ms" in listing.log) == (0, True)
    wrong = services.start("common.faults", "set", "vote-errors", "--value", "101", **enabled)
    assert (await wrong.ended(), "101 is out of range" in wrong.log) == (2, True)
    assert await services.start("common.faults", "clear", **enabled).ended() == 0
    assert await faults.read(client) == []
    disabled = services.start("common.faults", "list", REDIS_URL=stores.redis_url)
    assert (await disabled.ended(), "FAULTS=enabled" in disabled.log) == (2, True)
