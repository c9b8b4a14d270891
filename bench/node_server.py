"""The Node.js server in bench/node/, and its packages, which go to build/."""

import asyncio
import shutil

from tests import service

SOURCE = service.ROOT / "bench" / "node"
FOLDER = service.ROOT / "build" / "bench-node"


async def command() -> list[str] | None:
    """How it is started; None where Node.js is not installed. Raises RuntimeError if npm fails."""
    if not (shutil.which("node") and shutil.which("npm")):
        return None
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in SOURCE.iterdir():
        shutil.copy(path, FOLDER)
    if not (FOLDER / "node_modules" / "socket.io").is_dir():
        npm = await asyncio.create_subprocess_exec(
            *("npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"),
            cwd=FOLDER,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await npm.communicate())[0].decode()
        if npm.returncode:
            raise RuntimeError(f"npm install failed in {FOLDER}: {output}")
    return ["node", str(FOLDER / "server.js")]
