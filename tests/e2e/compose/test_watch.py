import pytest

from tests import until
from tests.e2e.compose.project import Project


@pytest.mark.timeout(300)
async def test_a_changed_source_is_live_within_seconds(
    other: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_FILE", "compose.yaml:compose.dev.yaml")
    other.up("vote")
    started = other.inspect("vote")["State"]["StartedAt"]
    watch = other.background("watch", "--no-up")
    try:
        assert watch.stdout
        assert any("Watch enabled" in line for line in watch.stdout)
        page = other.folder / "vote" / "templates" / "vote.html"
        page.write_text(page.read_text() + "changed by the test\n")
        await until.true(lambda: other.inspect("vote")["State"]["StartedAt"] != started, 60)
        assert other.execute("vote", "tail", "-n1", "vote/templates/vote.html").startswith(
            "changed"
        )
    finally:
        watch.terminate()
        watch.communicate(timeout=30)
