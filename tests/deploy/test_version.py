"""All files name the same version and the same registry, and `make` changes all of them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from common import __version__
from mk import release
from tests.deploy import manifest

SERVICES = ("vote", "worker", "result", "seed")
# The history of this project, what names the versions of others, and what make builds.
IGNORED = {"CHANGELOG.md", "pyproject.toml", "requirements", "tests", "build"}


def texts() -> Iterator[tuple[Path, str]]:
    """Yield each file that may name the version, and its text."""
    for path in manifest.ROOT.rglob("*"):
        top = path.relative_to(manifest.ROOT).parts[0]
        if path.is_file() and top not in IGNORED and not top.startswith("."):
            yield path, path.read_text(errors="ignore")


def test_all_files_name_the_same_version() -> None:
    named = release.versions()
    assert {path: found for path, found in named.items() if found != {__version__}} == {}
    assert [glob for glob in release.VERSIONS if not named.keys() & manifest.ROOT.glob(glob)] == []


def test_a_new_version_reaches_every_file() -> None:
    changed = release.with_version("123.45.6")
    old = re.compile(rf"(?<![\w.]){re.escape(__version__)}(?![\w-]|\.\d)")
    assert [path for path, text in texts() if old.search(changed.get(path, text))] == []


def test_all_files_name_the_same_registry() -> None:
    wanted = release.with_registry(release.registry())
    assert [path for path, text in wanted.items() if path.read_text() != text] == []


def test_a_registry_reaches_every_image(tmp_path: Path) -> None:
    kustomize = manifest.copy(tmp_path)
    for folder in ("k8s", "mk"):
        shutil.copytree(manifest.ROOT / folder, tmp_path / folder)
    shutil.copy(manifest.ROOT / "compose.yaml", tmp_path)
    for path, text in release.with_registry("ghcr.io/you", tmp_path).items():
        path.write_text(text)
    rendered = [manifest.render(kustomize / name) for name in ("overlays/dev", "components/seed")]
    chart = ("helm", "template", "vote", str(tmp_path / "chart"), "--set=seed.enabled=true")
    rendered.append(manifest.parse(manifest.run(*chart)))
    rendered += [manifest.parse(path.read_text()) for path in tmp_path.glob("k8s/*.yaml")]
    images = {
        container["image"].rpartition(":")[0]
        for resources in rendered
        for template in manifest.pods(resources).values()
        for container in manifest.containers(template)
    }
    for service in yaml.safe_load((tmp_path / "compose.yaml").read_text())["services"].values():
        images.add(
            service["image"].replace("${REGISTRY:-ghcr.io/you}", "ghcr.io/you").split(":")[0]
        )
    ours = {image for image in images if "voting" in image}
    assert ours == {f"ghcr.io/you/voting-{service}" for service in SERVICES}
    manifest.run(sys.executable, str(tmp_path / "mk/render.py"), "--check")
    manifest.run(sys.executable, str(tmp_path / "chart/readme.py"), "--check")


@pytest.mark.parametrize("arguments", [("version", "1.2"), ("version", ""), ("registry", "a b")])
def test_a_wrong_value_changes_nothing(arguments: tuple[str, str]) -> None:
    command = [sys.executable, "-m", "mk.release", *arguments]
    ended = subprocess.run(command, cwd=manifest.ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert repr(arguments[1]) in ended.stderr
