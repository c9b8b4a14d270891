"""The Node.js server in bench/node/, and its packages, which go to build/."""

import asyncio
import shutil

from tests import service

SOURCE = service.ROOT / "bench" / "node"
FOLDER = service.ROOT / "build" / "bench-node"


class Missing(Exception):  # noqa: N818 (a state)
    """It cannot be started. The text says what is missing."""


async def command() -> list[str]:
    """How it is started. Raises `Missing`."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise Missing("Node.js with npm is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.iterdir():
        shutil.copy(path, FOLDER)
    if not (FOLDER / "node_modules" / "socket.io").is_dir():
        await _install()
    return ["node", str(FOLDER / "server.js")]


async def _install() -> None:
    npm = await asyncio.create_subprocess_exec(
        *("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"),
        cwd=FOLDER,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output = (await npm.communicate())[0].decode()
    finally:
        if npm.returncode is None:  # interrupted
            npm.kill()
            await npm.wait()
    if npm.returncode:
        raise Missing(f"npm install failed in {FOLDER}:\n{output}")
