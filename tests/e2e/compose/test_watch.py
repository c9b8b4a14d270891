"""Development: a changed source is live within seconds, in the containers that run."""

import functools
import pathlib
import time

from tests import until
from tests.e2e.compose import conftest, project

MARK = "changed-by-the-test"
LIVE_WITHIN = 60.0  # seconds, on a machine that does much else; the measurement tells


def shows(url: str) -> bool:
    """Whether the page has the change; it may be away for a moment."""
    try:
        return MARK in project.get(url)[1]
    except OSError:
        return False


async def test_changes_are_live_within_seconds(
    images: None, tmp_path: pathlib.Path, measured: conftest.Say
) -> None:
    folder = project.checkout(tmp_path)
    working = project.Project(folder, files=("compose.yaml", "compose.dev.yaml"))
    vote = folder / "vote" / "templates" / "vote.html"
    health = folder / "common" / "health.py"
    changes = (
        (vote, "<h1", f'<h1 class="{MARK}"', working.vote_url),
        (health, "ok\\n", f"{MARK}\\n", f"{working.result_url}/healthz"),
    )
    try:
        working.compose("up", "--detach", "--wait")
        with working.background("watch", "--no-up") as watching:
            assert watching.stdout
            assert any("Watch enabled" in line for line in watching.stdout)
            for path, old, new, url in changes:
                source = path.read_text()
                assert old in source
                began = time.monotonic()
                path.write_text(source.replace(old, new, 1))
                await until.true(functools.partial(shows, url), LIVE_WITHIN, f"{path} live")
                measured(f"watch: {path.name} live after {time.monotonic() - began:.1f} s")
    finally:
        working.down()
