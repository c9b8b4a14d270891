"""A program that is told something by a line, and answers in lines of JSON."""

import asyncio
import contextlib
import json
import sys
import typing
from collections.abc import AsyncIterator

from bench import core
from tests import service

ANSWER_TIMEOUT = 120.0  # seconds

Said = dict[str, typing.Any]


class Talker:
    """The running program."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    async def hear(self) -> Said:
        """What it says next. Raises RuntimeError when it has ended."""
        assert self._process.stdout is not None
        async with asyncio.timeout(ANSWER_TIMEOUT):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a program of the benchmark has ended: see what it wrote above")
        return typing.cast("Said", json.loads(line))

    async def ask(self, line: str) -> Said:
        """Tells it `line`; returns what it says then."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        return await self.hear()


@contextlib.asynccontextmanager
async def opened(*argv: str, on: int | None = None) -> AsyncIterator[Talker]:
    """Runs a program, on one core if `on` names one."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=service.ROOT
    )
    try:
        if on is not None and core.can_pin():
            core.pin(process.pid, on)
        yield Talker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def python(module: str, *arguments: object) -> list[str]:
    """The command that runs a module of this project."""
    return [sys.executable, "-m", module, *map(str, arguments)]
