"""`python -m common.wait`: says what it waits for, and why it gave up."""

import asyncio
import os
import pathlib
import re
import sys

import pytest

from common import settings, wait
from tests import service


def store(name: str, *failures: Exception, always: Exception | None = None) -> wait.Store:
    """A store that fails so often, then answers; or fails always."""
    coming = list(failures)

    async def ask() -> None:
        error = coming.pop(0) if coming else always
        if error:
            raise error

    return wait.Store(name, f"{name}:1", ask)


async def test_it_waits_for_all_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    refused = ConnectionRefusedError("refused")
    await wait.until_all_answer([store("redis"), store("db", refused, refused)], 10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "redis at redis:1 answers after 0.0 s"
    assert lines[1] == "waiting for db at db:1, 0.0 s so far: refused"
    assert re.fullmatch(r"db at db:1 answers after 0\.\d s", lines[2])
    assert len(lines) == 3  # not a line a try


async def test_it_says_again_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(wait, "SAY_AGAIN", 0.1)
    with pytest.raises(wait.NotReadyError):
        await wait.until_all_answer([store("db", always=OSError("gone"))], 0.6)
    assert 2 <= len(capsys.readouterr().err.splitlines()) <= 6


async def test_the_time_is_limited_and_the_reason_told() -> None:
    hanging = wait.Store("db", "db:1", asyncio.Event().wait)  # type: ignore[arg-type]
    with pytest.raises(wait.NotReadyError, match=r"db at db:1 is not ready after .* s: no answer"):
        await wait.until_all_answer([hanging, store("redis")], 0.3)
    with pytest.raises(wait.NotReadyError, match=r"redis at redis:1 .*: gone"):
        await wait.until_all_answer([store("redis", always=OSError("gone"))], 0.3)


async def test_a_last_try_cut_short_does_not_hide_the_reason() -> None:
    tries = 0

    async def ask() -> None:
        nonlocal tries
        tries += 1
        if tries > 1:
            await asyncio.Event().wait()
        raise OSError("gone")

    with pytest.raises(wait.NotReadyError, match="gone"):
        await wait.until_all_answer([wait.Store("db", "db:1", ask)], 0.3)


@pytest.mark.parametrize("within", [0.2, 60])
async def test_refused_credentials_count_when_they_stay_refused(
    monkeypatch: pytest.MonkeyPatch, within: float
) -> None:
    monkeypatch.setattr(wait, "REFUSED_FOR", 0.3)
    refused = settings.SettingsError("refused")
    with pytest.raises(settings.SettingsError):
        await wait.until_all_answer([store("db", always=refused)], within)
    # A store that is being set up.
    await wait.until_all_answer([store("db", refused)], 5)


async def test_two_refusals_with_something_else_in_between_are_short_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wait, "REFUSED_FOR", 0.3)
    refused, gone = settings.SettingsError("refused"), OSError("gone")
    # The pauses between are 0.75 s at least.
    await wait.until_all_answer([store("db", refused, gone, gone, gone, refused)], 30)


@pytest.fixture(autouse=True)
def _folder(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """The working directory has no `.env`."""
    monkeypatch.chdir(tmp_path)


async def run(*arguments: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "common.wait",
        *arguments,
        env={**os.environ, "PYTHONPATH": str(service.ROOT), **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, text = await process.communicate()
    return process.returncode, text.decode()


async def test_the_status_is_1_when_a_store_stays_away() -> None:
    status, text = await run("redis", "--timeout", "0.5", REDIS_URL="redis://127.0.0.1:1")
    assert status == 1
    assert text.splitlines()[-1].startswith("redis at redis://127.0.0.1:1 is not ready after ")
    assert "refused" in text.splitlines()[-1] or "Connect call failed" in text.splitlines()[-1]


async def test_the_status_is_2_when_a_setting_is_wrong() -> None:
    status, text = await run("redis", REDIS_PORT="x", REDIS_URL="http://redis")
    assert status == 2
    assert [line.split()[1] for line in text.splitlines()] == ["REDIS_URL:", "REDIS_PORT:"]
    for wrong in ("foo=bar", "socket_timeout=nan", "ssl_cert_reqs=none"):
        status, text = await run("redis", REDIS_URL=f"redis://127.0.0.1:1/0?{wrong}")
        assert (status, text.count("\n")) == (2, 1), text
        assert f"the parameter '{wrong.partition('=')[0]}'" in text
    status, text = await run("redis", "--settings", "vote.settings", COOKIE_SECRET="short")
    assert (status, text.split()[1]) == (2, "COOKIE_SECRET:")
    status, text = await run("postgres")
    assert status == 2
    assert "redis" in text
