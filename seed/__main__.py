"""Run the seed job; `python -m seed --help` shows its options."""

import sys

import uvloop
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from seed.job import Job, shares
from seed.options import Options, parse
from seed.retry import SeedError, retry
from seed.verify import Result, listed

REQUEST_TIMEOUT = 10.0  # seconds
SHOWN_REASONS = 5


async def wait_ready(client: ClientSession, options: Options) -> None:
    """Wait until the vote service is ready.

    Raises:
        SeedError: it was not ready in time.
    """

    async def attempt() -> None:
        async with client.get("readyz", raise_for_status=True):
            pass

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
            before = await result.read()
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


def main(program: str = "python -m seed") -> None:
    """Do the job until it is done or Ctrl-C stops it."""
    options = parse(program=program)
    try:
        sys.exit(uvloop.run(seed(options)))
    except SeedError as error:
        sys.exit(f"seed: {error}")
    except KeyboardInterrupt:
        sys.exit("seed: stopped by Ctrl-C")


if __name__ == "__main__":
    main()
