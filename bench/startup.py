"""Time to the first answer and memory at rest, next to a bare ASGI app under the same server."""

import asyncio
import statistics

from bench.row import Row
from bench.system import System, memory
from standalone.child import stop

SERVICES = {"vote": 65, "worker": 60, "result": 75}  # goals in MiB
BARE = "bench.bare_app"
LIMIT = "bare ASGI app"
MAX_START = 0.6  # seconds
REST = 3.0  # seconds until a service is at rest


async def measure_start(system: System) -> list[Row]:
    """Measure the time from the start to the first answer, with any status."""
    times = {module: await _start(system, module) for module in (BARE, *SERVICES)}
    return [
        Row(
            f"{module}: start to first answer",
            "s",
            times[module],
            times[BARE],
            LIMIT,
            max_value=MAX_START,
        )
        for module in SERVICES
    ]


async def _start(system: System, module: str) -> float:
    times = []
    for _ in range(1 + system.size(7, 1)):
        service = system.start(module, PYTHONDONTWRITEBYTECODE="")
        times.append(await service.answers("/healthz"))
        stop([service.child])
    return statistics.median(times[1:])  # the first start compiles the modules


async def measure_memory(system: System) -> list[Row]:
    """Measure the memory of services at rest."""
    services = {module: system.start(module) for module in (BARE, *SERVICES)}
    for service in services.values():
        await service.answers()
    await asyncio.sleep(REST)
    sizes = {module: memory(service.pid) / 2**20 for module, service in services.items()}
    return [
        Row(
            f"{module}: memory at rest",
            "MiB",
            sizes[module],
            sizes[BARE],
            LIMIT,
            max_value=goal,
        )
        for module, goal in SERVICES.items()
    ]
