"""The Compose file of docs/docker.md for stores of one's own."""

import json
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(shutil.which("docker") is None, reason="Docker is not installed")
def test_compose_accepts_it_and_starts_no_stores(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "docker.md").read_text()
    (block,) = re.findall(r"^    x-redis: .*?(?=^\S)", page, re.DOTALL | re.MULTILINE)
    override = tmp_path / "compose.stores.yaml"
    override.write_text(textwrap.dedent(block))
    files = ("-f", "compose.yaml", "-f", str(override))
    command = ["docker", "compose", *files, "config", "--format", "json"]
    merged = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert merged.returncode == 0, merged.stderr
    project = json.loads(merged.stdout)
    assert project["services"].keys() == {"vote", "worker", "result", "nginx", "secrets"}
    assert not project["networks"]["back"].get("internal")
    for name in ("vote", "worker", "result"):
        service = project["services"][name]
        assert service["depends_on"].keys() == {"secrets"}
        assert service["environment"]["REDIS_URL"].startswith("rediss://")
