"""How long a service takes until its first answer, and what it has in memory at rest."""

import asyncio
import os
import statistics
import sys
import time

import asyncpg

from bench import bare, core, rig, row
from tests import service, until
from worker import schema

ABSENT = service.ROOT / "bench" / "absent"  # what the tests have installed and no image has
REST = 3.0  # seconds until a service is at rest
SERVICES = ("vote", "worker", "result")


async def rows(running: rig.Rig) -> list[row.Row]:
    rounds = running.size(5, 1)
    # By the first start of each, which is not measured: an image is compiled already.
    compiled = {
        "PYTHONPYCACHEPREFIX": str(running.folder / "compiled"),
        "PYTHONDONTWRITEBYTECODE": "",
    }
    imports = [await _import(compiled) for _ in range(1 + rounds)]
    limit = statistics.median(imports[1:])
    measured: list[row.Row] = []
    for module in SERVICES:
        times, memory = [], 0.0
        for number in range(1 + rounds):
            async with running.system() as system:
                await _make_tables(system)
                began = time.perf_counter()
                environment = {
                    "DATABASE_URL": system.database_url,
                    "REDIS_URL": system.redis_url,
                    "PYTHONPATH": f"{ABSENT}{os.pathsep}{service.ROOT}",
                    **compiled,
                }
                started = system.services.start(module, **environment)
                await _first_answer(started)
                times.append(time.perf_counter() - began)
                if number == rounds:
                    await started.ready()
                    await asyncio.sleep(REST)
                    memory = core.memory(started.pid) / 2**20
        measured += [
            row.below(
                0.6,
                row=f"{module}: start to first answer",
                cores=core.ANY,
                unit="s",
                ours=statistics.median(times[1:]),
                limit=limit,
                beside="import fastapi",
            ),
            row.below(60, row=f"{module}: memory at rest", cores=core.ANY, unit="MiB", ours=memory),
        ]
    return measured


async def _make_tables(system: rig.System) -> None:
    connection = await asyncpg.connect(system.database_url)
    await schema.apply(connection)
    await connection.close()


async def _import(compiled: dict[str, str]) -> float:
    environment = {**os.environ, **compiled}
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "import fastapi"), env=environment
    )
    await process.wait()
    return time.perf_counter() - began


async def _first_answer(started: service.Service) -> None:
    async def answers() -> bool:
        return await bare.answers(started.port) and await started.get("/healthz") == 200

    await until.true(answers, service.READY_TIMEOUT, lambda: started.log)
