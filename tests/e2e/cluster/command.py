"""kubectl and helm, as a person types them, without holding up the voters."""

import asyncio
import json
import typing

TIMEOUT = 240  # seconds for one command


class CommandError(AssertionError):
    """A command ended with another status than 0; the text is what it said."""


async def run(*command: str, stdin: str | None = None, within: float = TIMEOUT) -> str:
    """The standard output of a command. Raises `CommandError`."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            out, errors = await process.communicate(stdin.encode() if stdin is not None else None)
    except TimeoutError:
        process.kill()
        raise CommandError(f"{' '.join(command)}: no end within {within:g} seconds") from None
    if process.returncode:
        raise CommandError(f"{' '.join(command)}: {errors.decode()}{out.decode()}")
    return out.decode()


async def kubectl(*arguments: str, **options: typing.Any) -> str:
    return await run("kubectl", *arguments, **options)


async def get(*arguments: str) -> typing.Any:
    """What `kubectl get` finds, parsed."""
    return json.loads(await kubectl("get", *arguments, "--output=json"))
