"""Run the seed job; `python -m seed --help` shows its options."""

import asyncio
import signal
import sys

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from seed.job import Job, shares
from seed.options import Options, parse
from seed.retry import SeedError, TransientError, retry
from seed.verify import Result, listed

REQUEST_TIMEOUT = 10.0  # seconds
SHOWN_REASONS = 5


async def wait_ready(client: ClientSession, options: Options) -> None:
    """Wait until the vote service is ready.

    Raises:
        SeedError: it was not ready in time.
    """

    async def attempt() -> None:
        async with client.get("readyz") as answer:
            if answer.status not in (200, 404):  # 404: a proxy that serves only the pages
                raise TransientError(f"/readyz: {await answer.text(errors='replace')}")

    sys.stderr.write(f"waiting for {options.url}\n")
    await retry(attempt, options.timeout)


async def seed(options: Options) -> int:
    """Do the job and return the exit status.

    Raises:
        SeedError: the vote service was not ready, or the result is wrong.
    """
    cast = shares(options.votes, options.split)
    async with ClientSession(
        f"{options.url}/",
        cookie_jar=DummyCookieJar(),  # each voter keeps its own cookie
        connector=TCPConnector(limit=options.concurrency),
        timeout=ClientTimeout(total=min(REQUEST_TIMEOUT, options.timeout)),
    ) as client:
        await wait_ready(client, options)
        if options.verify is not None:
            sys.stderr.write(f"waiting for {options.verify}\n")
            result = Result(client, options.verify, options.timeout)
            before = await (result.settled() if options.exact else result.read())
        job = Job(client, options, cast)
        try:
            await job.run()
        finally:
            print(job, flush=True)
        for reason, votes in job.reasons.most_common(SHOWN_REASONS):
            print(f"  {votes} failed: {reason}")
        if job.failed:
            return 1
        if options.verify is not None:
            await result.check(before, cast, exact=options.exact)
            degree = "exactly" if options.exact else "at least"
            print(f"verified: {options.verify} grew by {degree} {listed(cast)}")
        return 0


async def run(options: Options) -> int:
    """Do the job until it is done or a signal stops it, and return the exit status."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 (a coroutine runs in a task)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        return await seed(options)
    except SeedError as error:
        sys.stderr.write(f"seed: {error}\n")
    except asyncio.CancelledError:
        sys.stderr.write("seed: stopped by a signal\n")
    return 1


if __name__ == "__main__":
    options = parse()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(run(options)))
