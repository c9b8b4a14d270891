"""`python -m seed`: see `options` for what it takes."""

import asyncio
import contextlib
import sys

import uvloop

from common import file_limit, stop_signal
from seed import job, options, progress, split, verify

FAILED = 1  # exit status
STOP_TIMEOUT = 1.0  # seconds to tell the count after a signal
SHOWN_REASONS = 5


async def seed(chosen: options.Options, stop: asyncio.Event) -> int:
    """Do the job, and return the exit status.

    Raises:
        job.NotReadyError: vote was not ready in time.
        verify.WrongError: the result page's numbers are wrong.
    """
    told = progress.Progress(chosen.votes)
    shares = split.counts(chosen.votes, chosen.split)
    before: dict[str, int] = {}
    with contextlib.ExitStack() as held:
        await job.wait_ready(chosen.url, chosen.timeout, told)
        results: verify.Results | None = None
        if chosen.verify is not None:
            results = held.enter_context(
                contextlib.closing(verify.Results(chosen.verify, chosen.timeout, told))
            )
            before = await results.settled()
            if unknown := ", ".join(option for option in shares if option not in before):
                known = ", ".join(before)
                raise verify.WrongError(
                    f"the poll has no option {unknown}, it has {known}: change --split"
                )
        seeding = job.Job(chosen.url, shares, chosen.concurrency, chosen.rate, chosen.timeout, told)
        count = await seeding.run(stop)
        print(count, flush=True)
        for reason, votes in sorted(count.reasons.items(), key=lambda item: -item[1])[
            :SHOWN_REASONS
        ]:
            print(f"  {votes} failed: {reason}")
        if count.failed:
            return FAILED
        if results is not None:
            await results.check(before, shares)
            print(f"verified: {results.address.url} grew by exactly {verify.listed(shares)}")
    return 0


async def run(chosen: options.Options, stop: asyncio.Event) -> int:
    """As `seed`, ended by `stop`; mistakes go to standard error."""
    seeding = asyncio.create_task(seed(chosen, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({seeding, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():
        await asyncio.wait({seeding}, timeout=STOP_TIMEOUT)
    stopping.cancel()
    seeding.cancel()
    try:
        return await seeding
    except (job.NotReadyError, verify.WrongError) as problem:
        sys.stderr.write(f"seed: {problem}\n")
    except asyncio.CancelledError:
        sys.stderr.write("seed: stopped by a signal\n")
    return FAILED


def main() -> None:
    chosen = options.parse()
    file_limit.lift()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status = runner.run(run(chosen, stop_signal.event(runner.get_loop())))
    stop_signal.block()
    raise SystemExit(status)


if __name__ == "__main__":
    main()
