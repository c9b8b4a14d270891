"""`python -m common.wait` in the init containers."""

import asyncio
import os
import sys
from pathlib import Path

from tests import service
from tests.store import Stores


async def run(folder: Path, *arguments: str, **environment: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "common.wait",
        *arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(service.ROOT), **environment},
        stderr=asyncio.subprocess.PIPE,
    )
    _, text = await process.communicate()
    return process.returncode, text.decode()


async def test_returns_once_a_store_is_back(stores: Stores, tmp_path: Path) -> None:
    await stores.redis.stop()
    waiting = asyncio.create_task(run(tmp_path, "db", "redis", **stores.environment))
    await stores.redis.start()
    assert (await waiting)[0] == 0


async def test_gives_up_after_the_timeout_with_the_reason(tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{service.free_port()}"
    status, text = await run(tmp_path, "redis", "--timeout", "1", REDIS_URL=url)
    assert status == 1
    assert "111" in text or "refused" in text


async def test_wrong_setting_ends_it_with_status_2(tmp_path: Path) -> None:
    status, text = await run(tmp_path, "db", DATABASE_URL="http://db")
    assert status == 2
    assert "DATABASE_URL" in text
    assert (await run(tmp_path, "mysql"))[0] == 2
