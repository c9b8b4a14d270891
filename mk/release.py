"""`python -m mk.release version 1.2.3`, `… registry ghcr.io/you`: change what a release changes.

The version is `__version__` in common/__init__.py. The files of a deployment repeat it, because
they are read without Python. The registry is where the released files find the images; an empty
one means images that were built on this machine.
"""

import re
import sys
from pathlib import Path

from common import __version__

ROOT = Path(__file__).resolve().parent.parent
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")  # a + of SemVer is no part of a tag
REGISTRY = re.compile(r"([a-z0-9.-]+(:\d+)?(/[a-z0-9._-]+)*)?")

# Where the version is: files, and the text in front of it.
VERSIONS = {
    "common/__init__.py": r'__version__ = "',
    "chart/**/Chart.yaml": r"^ *(version|appVersion): ",
    "kustomize/components/images/kustomization.yaml": r"newTag: &version ",
    "k8s/*.yaml": r"image: \S*voting-\w+:|app\.kubernetes\.io/version: ",
    "compose.yaml": r"VERSION:-",
    "compose/*.yaml": r"VERSION:-",
    "docker-bake.hcl": r'variable "VERSION" \{\n  default = "',
    "docs/**/*.md": r"\| `VERSION`, `REGISTRY` \| `|with the tag |charts/vote --version |\bvoting:",
    "README.md": r"\bvoting:",
}
# Where the registry is: files, the text in front of it, and its form.
REGISTRIES = {
    "chart/values.yaml": (r"repository: ", "{}/"),
    "chart/README.md": (r'"repository":"', "{}/"),
    "k8s/*.yaml": (r"image: ", "{}/"),
    "compose.yaml": (r"image: ", "${{REGISTRY:-{}}}/"),
    "compose/classic.yaml": (r"image: ", "{}/"),
}
BAKED = re.compile(r'(?P<before>variable "REGISTRY" \{[^\n]*\n  default = ")(?P<value>[^"]*)')
NO_REGISTRY = {"compose.yaml": "${REGISTRY:+${REGISTRY:-}/}"}
# Where Kustomize renames the images.
IMAGES = "kustomize/components/images/kustomization.yaml"


def versions(root: Path = ROOT) -> dict[Path, set[str]]:
    """Return the versions that each file names."""
    return {
        path: {found["value"] for found in pattern.finditer(path.read_text())}
        for glob, before in VERSIONS.items()
        for pattern in [version_after(before)]
        for path in root.glob(glob)
        if pattern.search(path.read_text())
    }


def registry(root: Path = ROOT) -> str:
    """Return the registry that docker-bake.hcl names."""
    return next(BAKED.finditer((root / "docker-bake.hcl").read_text()))["value"]


def version_after(before: str) -> re.Pattern[str]:
    """Return the pattern of a version behind a text."""
    return re.compile(rf"(?P<before>{before})(?P<value>{VERSION.pattern})", re.MULTILINE)


def with_version(version: str, root: Path = ROOT) -> dict[Path, str]:
    """Return the changed content of each file that names the version."""
    return {
        path: version_after(before).sub(rf"\g<before>{version}", path.read_text())
        for glob, before in VERSIONS.items()
        for path in root.glob(glob)
    }


def with_registry(registry: str, root: Path = ROOT) -> dict[Path, str]:
    """Return the changed content of each file that names the registry."""
    changed = {}
    for glob, (before, form) in REGISTRIES.items():
        prefix = form.format(registry) if registry else NO_REGISTRY.get(glob, "")
        for path in root.glob(glob):
            pattern = rf'({before})[^\s"]*(?=voting-)'
            changed[path] = re.sub(pattern, rf"\g<1>{prefix}", path.read_text())
    for path in root.glob(IMAGES):
        name = rf"    newName: {registry}/\g<image>\n" if registry else ""
        pattern = r"(  - name: (?P<image>voting-\w+)\n)(    newName: .+\n)?"
        changed[path] = re.sub(pattern, rf"\g<1>{name}", path.read_text())
    for path in root.glob("docker-bake.hcl"):
        changed[path] = BAKED.sub(rf"\g<before>{registry}", path.read_text())
    return changed


def main() -> None:
    """Write the version or the registry of the command line into all files."""
    match sys.argv[1:]:
        case ["version", value] if VERSION.fullmatch(value):
            changed = with_version(value)
        case ["registry", value] if REGISTRY.fullmatch(value):
            changed = with_registry(value)
        case ["version", value]:
            sys.exit(f"VERSION: {value!r} is not a version: write it like {__version__}")
        case ["registry", value]:
            sys.exit(f"REGISTRY: {value!r} is not a registry: write it like ghcr.io/you")
        case _:
            sys.exit(__doc__)
    for path, text in changed.items():
        path.write_text(text)


if __name__ == "__main__":
    main()
