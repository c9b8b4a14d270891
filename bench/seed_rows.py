"""How many votes a second the seed can cast: what it costs itself, not vote."""

import time

from bench import core, rig, row
from tests import until

RATE = 5_000  # votes a second
SEED_TIMEOUT = 120.0  # seconds


async def rows(running: rig.Rig) -> list[row.Row]:
    votes = running.size(30_000, 1_000)
    async with running.system() as system:
        vote = await system.start("vote")
        seed = system.services.start("seed", "--url", vote.url, "--votes", str(votes))
        began, busy = time.perf_counter(), 0.0

        def has_ended() -> bool:
            nonlocal busy
            busy = max(busy, core.cpu(seed.pid))  # looked at so often that little is missed
            return seed.status is not None

        await until.true(has_ended, SEED_TIMEOUT, lambda: seed.log)
        seconds = time.perf_counter() - began
        if seed.status:
            raise RuntimeError(f"the seed failed: {seed.log}")
    return [
        row.Row(
            "seed: votes that one core lets it cast",
            core.ANY,
            votes / busy,
            "/s",
            f"≥ {RATE:,} /s",
            votes / busy >= RATE,
            votes / seconds,
            "as cast, by one vote process",
        )
    ]
