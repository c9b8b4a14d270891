import asyncio
import sys

import pytest

from common.background import background
from tests import service


async def test_coroutines_run_until_the_block_ends() -> None:
    state = "new"

    async def endless() -> None:
        nonlocal state
        state = "running"
        try:
            await asyncio.Event().wait()
        finally:
            state = "ended"

    async with background(endless()):
        await asyncio.sleep(0)
        assert state == "running"
    assert state == "ended"


BUGS = {
    "vote": "from common.queue.producer import Producer; Producer.run = fails",
    "result": "from result.live import Live; Live.follow_status = fails",
    "worker": "from worker.consumer import Consumer; Consumer._run_session = fails",
}


@pytest.mark.parametrize("program", BUGS)
async def test_bug_in_the_background_ends_the_process_with_status_1(program: str) -> None:
    code = f"""
import {program}.app
from common.server import serve
from common.settings import load
from {program}.settings import Settings
async def fails(*_): raise LookupError("a bug")
{BUGS[program]}
serve({program}.app.create_app, load(Settings), name="{program}")
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        code,
        cwd=service.ROOT,
        env={"PORT": str(service.free_port()), "REDIS_HOST": "127.0.0.1", "DB_HOST": "127.0.0.1"},
        stderr=asyncio.subprocess.PIPE,
    )
    _, text = await process.communicate()
    assert process.returncode == 1
    assert "LookupError: a bug" in text.decode()
