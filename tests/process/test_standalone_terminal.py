"""A run by make that ends with its terminal, or with make."""

import asyncio
import contextlib
import os
import sys

import psutil
import pytest

from tests import place, service, until
from tests.process import standing

# It leads the session of the terminal, as the program that a terminal window starts does; and by no
# nohup, as the tests may.
AS_LEADER = (
    "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "os.login_tty(0); os.execvp(sys.argv[1], sys.argv[1:])"
)


@pytest.mark.parametrize("leads", [True, False], ids=["terminal closes", "make is killed"])
async def test_a_run_that_nobody_can_stop_any_more_ends(leads: bool) -> None:
    with place.opened() as folder:
        recipe = f'exec "{sys.executable}" -m standalone {" ".join(standing.ANY_PORTS)}'
        (folder / "Makefile").write_text(f"run:\n\t@{recipe} --data data\n")
        ours, terminal = os.openpty()
        os.set_blocking(ours, False)
        make = await asyncio.create_subprocess_exec(
            *([sys.executable, "-c", AS_LEADER] if leads else []),
            *("make", "run"),
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(service.ROOT)},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        log = b""
        traces: standing.Traces | None = None

        def is_told() -> bool:
            nonlocal log
            assert make.returncode is None, log.decode()
            with contextlib.suppress(BlockingIOError):
                log += os.read(ours, 65536)
            return b"Ctrl-C stops it" in log

        try:
            await until.true(is_told, standing.READY_TIMEOUT, lambda: log.decode())
            traces = standing.traces(make.pid, folder)
            assert len(traces.processes) > 5
            if leads:
                os.close(ours)
            else:
                make.kill()
            await traces.gone()
        finally:
            for each in traces.processes if traces else []:
                with contextlib.suppress(psutil.NoSuchProcess):
                    each.terminate()
            if make.returncode is None:
                make.terminate()  # and make passes it on
            await make.wait()
            if not leads:
                os.close(ours)
